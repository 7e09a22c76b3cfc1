"""An endpoint's configured secrets as signing keys, decoded once."""

from gateway.config import Endpoint
from gateway.delivery.signing import BadSecret, Secret, secret_key


def signing_keys(endpoint: Endpoint) -> tuple[Secret, ...]:
    """Return every secret of an endpoint with the time in which it counts.

    Raises ``BadSecret`` naming the endpoint when one cannot be a key.
    """
    try:
        if endpoint.secret is not None:
            return (Secret(key=secret_key(endpoint.secret.get_secret_value())),)
        return tuple(
            Secret(
                key=secret_key(secret.value.get_secret_value()),
                valid_from=secret.valid_from,
                valid_to=secret.valid_to,
            )
            for secret in endpoint.secrets
        )
    except BadSecret as error:
        raise BadSecret(f"endpoint {endpoint.name}: {error.message}", error.cure) from error
