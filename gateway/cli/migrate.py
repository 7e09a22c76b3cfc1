"""``hotline migrate``: brings the database to the schema of this version."""

import argparse
import asyncio

SUMMARY = "bring the database to the schema of this version"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    from gateway.cli._settings import accept_config

    accept_config(parser)


def run(args: argparse.Namespace) -> int:
    """Migrate and say which schema there is now; one that is up to date stays as it is."""
    return asyncio.run(_run(args))


async def _run(args: argparse.Namespace) -> int:
    from gateway.cli._settings import load_config
    from gateway.store import schema
    from gateway.store.opening import open_store

    store = await open_store(load_config(args).store.url, migrate=True)
    try:
        version = await store.read(schema.version_of)
    finally:
        await store.close()
    print(f"the database has schema {version}, as this version of the gateway needs")
    return 0
