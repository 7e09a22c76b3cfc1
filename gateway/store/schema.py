"""Schema versions: what the database has, what this code needs, and the way between them.

A migration's file name begins with its version, and versions sort in the order they are applied.
So a start on a database that is as it should be reads a folder and one row; alembic, which takes as
long to import as the rest of the store, is loaded only to change a schema.
"""

from pathlib import Path

from sqlalchemy import Connection, inspect

from gateway.store.errors import WrongSchema

_MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(connection: Connection) -> None:
    """Bring the schema to this version inside the caller's transaction."""
    from alembic import command
    from alembic.config import Config

    _refuse_newer(version_of(connection))
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def require_current(connection: Connection) -> None:
    """Raise ``WrongSchema`` unless the database has exactly this version's schema."""
    has = version_of(connection)
    _refuse_newer(has)
    needs = _known()[-1]
    if has != needs:
        raise WrongSchema(
            f"the database has schema {has or 'none'}, this version needs {needs}",
            "back it up, then run: hotline migrate",
        )


def is_empty(connection: Connection) -> bool:
    """Tell whether no version of the schema has ever been created here."""
    return version_of(connection) is None


def version_of(connection: Connection) -> str | None:
    """Return the version of the database's schema, None when it has none yet."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return None if found is None else str(found)


def _known() -> list[str]:
    """Return every version there is a migration to, oldest first."""
    return sorted(path.name.split("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*.py"))


def _refuse_newer(has: str | None) -> None:
    if has is not None and has not in _known():
        raise WrongSchema(
            f"the database was written by a newer gateway (schema {has})",
            "install that version again, or restore the backup made before it",
        )
