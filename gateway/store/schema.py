"""Schema versions: what the database has, what this code needs, and the way between them."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from gateway.store.errors import WrongSchema

_MIGRATIONS = Path(__file__).parent / "migrations"


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    return config


def upgrade(connection: Connection) -> None:
    """Bring the schema to this version inside the caller's transaction."""
    _refuse_newer(connection)
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def require_current(connection: Connection) -> None:
    """Raise ``WrongSchema`` unless the database has exactly this version's schema."""
    _refuse_newer(connection)
    has = MigrationContext.configure(connection).get_current_revision()
    needs = ScriptDirectory.from_config(_config()).get_current_head()
    if has != needs:
        raise WrongSchema(
            f"the database has schema {has or 'none'}, this version needs {needs}",
            "back it up, then run: hotline migrate",
        )


def is_empty(connection: Connection) -> bool:
    """Tell whether no version of the schema has ever been created here."""
    return MigrationContext.configure(connection).get_current_revision() is None


def _refuse_newer(connection: Connection) -> None:
    has = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if has is not None and has not in known:
        raise WrongSchema(
            f"the database was written by a newer gateway (schema {has})",
            "install that version again, or restore the backup made before it",
        )
