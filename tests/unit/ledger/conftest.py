import os
from uuid import uuid4

import pytest
import sqlalchemy as sa

from modelops.ledger.ledger import Ledger


@pytest.fixture(params=["sqlite", "postgres"])
def url(request, tmp_path):
    """The URL of a database that does not hold a ledger yet."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'ledger.db'}"
        return
    server = os.environ.get("MODELOPS_TEST_POSTGRES_URL")
    if not server:
        pytest.skip("MODELOPS_TEST_POSTGRES_URL is not set")
    name = f"ledger_{uuid4().hex}"
    admin = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql(f"create database {name}")
    yield sa.make_url(server).set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.exec_driver_sql(f"drop database {name} with (force)")
    admin.dispose()


@pytest.fixture
def ledger(url):
    opened = Ledger.open(url)
    yield opened
    opened.close()
