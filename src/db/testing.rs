//! A database of its own for every test, on either engine.

use sqlx::{Connection, PgConnection};

use super::Db;
use crate::server::clock::Rng;

/// The environment variable with the URL of a throw-away Postgres; `make test` starts one and sets it.
const POSTGRES: &str = "LATCHKEY_TEST_POSTGRES";

#[derive(Clone, Copy, Debug)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// A migrated, empty database; its files go with it.
pub struct TestDb {
    pub db: Db,
    pub url: String,
    pub folder: tempfile::TempDir,
}

pub async fn database(engine: Engine) -> TestDb {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = match engine {
        Engine::Sqlite => format!("sqlite://{}/test.db", folder.path().display()),
        Engine::Postgres => {
            let server = std::env::var(POSTGRES).unwrap_or_else(|_| {
                panic!("{POSTGRES} is not set: run the tests with `make test`, which starts one")
            });
            let name = Rng::system().id("test", 0);
            let mut connection = PgConnection::connect(&server)
                .await
                .expect("the test Postgres answers");
            sqlx::raw_sql(sqlx::AssertSqlSafe(format!("create database {name}")))
                .execute(&mut connection)
                .await
                .expect("a database can be made");
            let (base, _) = server.rsplit_once('/').expect("the URL names a database");
            format!("{base}/{name}")
        }
    };
    let db = Db::connect(&url).await.expect("the database opens");
    db.migrate().await.expect("the migrations run");
    TestDb { db, url, folder }
}

/// Makes two tests of an async function that takes a [`TestDb`]: one on each engine.
#[macro_export]
macro_rules! on_both_engines {
    ($($(#[$meta:meta])* async fn $name:ident($test:ident: TestDb) $body:block)*) => { $(
        $(#[$meta])*
        mod $name {
            use super::*;
            async fn run($test: $crate::db::testing::TestDb) $body
            #[tokio::test]
            async fn sqlite() {
                run($crate::db::testing::database($crate::db::testing::Engine::Sqlite).await).await;
            }
            #[tokio::test]
            async fn postgres() {
                run($crate::db::testing::database($crate::db::testing::Engine::Postgres).await).await;
            }
        }
    )* };
}
