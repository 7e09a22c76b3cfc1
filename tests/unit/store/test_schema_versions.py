"""The versions that are read off file names are those that alembic walks."""

from alembic.config import Config
from alembic.script import ScriptDirectory

from gateway.store import schema


def test_the_name_of_each_migration_begins_with_its_version_and_they_sort_in_order() -> None:
    config = Config()
    config.set_main_option("script_location", str(schema._MIGRATIONS))
    walked = [one.revision for one in ScriptDirectory.from_config(config).walk_revisions()]
    assert schema._known() == walked[::-1]
