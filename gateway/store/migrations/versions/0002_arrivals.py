"""Arrivals beside the queue, and a smaller index that recognises redeliveries."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table(
        "arrival",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("inbound_id", sa.String(length=26), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    # Other contents under the id of an earlier event are told apart by their digest from now on.
    op.execute("UPDATE inbound SET slot = content WHERE flagged AND slot = 0")
    with op.batch_alter_table("inbound") as inbound:
        inbound.drop_constraint("uq_inbound_delivery", type_="unique")
        inbound.create_unique_constraint("uq_inbound_delivery", ["dedupe", "slot"])
