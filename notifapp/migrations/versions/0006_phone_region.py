"""The phone region is the project's, no longer one of its limits.

Revision 0006, after 0005.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("project", sa.Column("phone_region", sa.String(length=2), nullable=True))
    op.execute(
        "UPDATE project SET phone_region ="
        " (SELECT phone_region FROM otp_limits WHERE otp_limits.project_id = project.id)"
    )
    op.drop_column("otp_limits", "phone_region")


def downgrade() -> None:
    op.add_column("otp_limits", sa.Column("phone_region", sa.String(length=2), nullable=True))
    op.execute(
        "INSERT INTO otp_limits (project_id) SELECT id FROM project WHERE phone_region IS NOT NULL"
        " AND NOT EXISTS (SELECT 1 FROM otp_limits WHERE otp_limits.project_id = project.id)"
    )
    op.execute(
        "UPDATE otp_limits SET phone_region ="
        " (SELECT phone_region FROM project WHERE project.id = otp_limits.project_id)"
    )
    op.drop_column("project", "phone_region")
