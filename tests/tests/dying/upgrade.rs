//! W10: the process dies while the store's form is upgraded.
//!
//! `shim.c` kills it right before, and in the middle of, each write to a SQLite file of an earlier
//! form, and right before each message to PostgreSQL while the schema is made, or upgraded from its first form. The next one opens
//! the store and brings everything to its end.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
};

use sqlx::{Connection as _, PgConnection};
use wom_registry::{NewInstrument, TestRegistry};
use wom_sdk::{
    SystemClock,
    dispatcher::Dispatcher,
    pocket::Pocket,
    protocol::{Link, Otc, Pin},
    registry::{PocketClient, RegistryClient},
    store::Store,
    testing::killing::{self, Heard, award_key, minutes, request},
};
use wom_store::testing::PgServer;

use crate::{
    ground::{self, Base, KEPT, say},
    shim::{Blow, Calls, Shim},
};

const WORKER: &str = "WOM_UPGRADE_WORKER";
/// How many awards there are; of these the first were handed over before, and the first of all
/// acknowledged.
const AWARDS: u32 = 9;
const OFFERED: u32 = 5;
const ACKNOWLEDGED: u32 = 2;

/// From form 5 back to form 4, and so on to form 1: what each step has added is taken away.
const BACK: [&str; 4] = [
    "DROP TABLE sale;
     DROP TABLE poster;
     PRAGMA user_version = 4;",
    "ALTER TABLE account DROP COLUMN refused;
     ALTER TABLE account DROP COLUMN returned;
     PRAGMA user_version = 3;",
    "DROP INDEX award_unclosed;
     ALTER TABLE award DROP COLUMN closed;
     CREATE INDEX award_unacknowledged ON award (key) WHERE state <> 'acknowledged';
     PRAGMA user_version = 2;",
    "ALTER TABLE participant DROP COLUMN handle;
     ALTER TABLE account DROP COLUMN settled;
     DROP INDEX award_participant;
     ALTER TABLE award DROP COLUMN participant;
     ALTER TABLE award DROP COLUMN accepted;
     DROP TABLE delivery;
     DROP TABLE cursor;
     CREATE TABLE inbox (delivery BLOB PRIMARY KEY, closed INTEGER NOT NULL) STRICT, WITHOUT ROWID;
     PRAGMA user_version = 1;",
];

/// The same for PostgreSQL's schema, from version 4 to version 1.
const BACK_ON_POSTGRES: &str = "SET search_path = wom;
     DROP TABLE sale;
     DROP TABLE poster;
     ALTER TABLE award DROP COLUMN worker;
     ALTER TABLE participant DROP COLUMN worker;
     ALTER TABLE delivery DROP COLUMN worker;
     ALTER TABLE checkout DROP COLUMN worker;
     ALTER TABLE account DROP COLUMN refused;
     ALTER TABLE account DROP COLUMN returned;
     UPDATE schema_version SET version = 1;";

#[tokio::test(flavor = "multi_thread")]
async fn death_while_a_sqlite_file_is_upgraded() {
    let Some(shim) = Shim::made() else { return };
    for (n, form) in [4, 3, 2, 1].into_iter().enumerate() {
        let mut ground = Upgrade::new(Base::Sqlite).await;
        ground.begin().await;
        let old = ground.dir("old");
        take_back(&old.join(KEPT).join("wom.db"), &BACK[..=n]);
        for how in ["die", "tear"] {
            println!("from form {form}");
            ground.dies_at_each_call(&shim, how, Some(&old)).await;
        }
        ground.redeem_all().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn death_while_a_schema_is_made_or_upgraded_on_postgres() {
    let (Some(shim), Some(server)) = (Shim::made(), PgServer::shared()) else {
        return;
    };
    let mut ground = Upgrade::new(Base::Postgres(server)).await;
    println!("from nothing");
    ground.dies_at_each_call(&shim, "die", None).await;
    ground.begin().await;
    let old = ground.dir("old");
    let url = fs::read_to_string(old.join("database")).unwrap();
    let mut conn = PgConnection::connect(&url).await.unwrap();
    sqlx::raw_sql(BACK_ON_POSTGRES)
        .execute(&mut conn)
        .await
        .unwrap();
    conn.close().await.unwrap();
    println!("from form 1");
    ground.dies_at_each_call(&shim, "die", Some(&old)).await;
    ground.redeem_all().await;
}

fn take_back(file: &Path, steps: &[&str]) {
    let conn = rusqlite::Connection::open(file).unwrap();
    for step in steps {
        conn.execute_batch(step).unwrap();
    }
    conn.close().unwrap();
}

/// Folders with stores of an earlier form, all of one instrument: what one of them has got a code
/// for has the same code in the others.
struct Upgrade {
    base: Base,
    root: tempfile::TempDir,
    registry: TestRegistry,
    instrument: NewInstrument,
    made: u32,
    codes: BTreeMap<u32, (Otc, Pin)>,
}

impl Upgrade {
    async fn new(base: Base) -> Self {
        let root = tempfile::tempdir().unwrap();
        let registry = TestRegistry::start(root.path().join("registry")).await;
        let registry = registry.unwrap();
        let aims = ["H".parse().unwrap()];
        let instrument = registry.registry().add_instrument("mortal", &aims).await;
        Self {
            base,
            root,
            registry,
            instrument: instrument.unwrap(),
            made: 0,
            codes: BTreeMap::new(),
        }
    }

    fn dir(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// A folder with a store in which some awards are handed over, some acknowledged, and the
    /// others only accepted.
    async fn begin(&mut self) {
        let dir = self.dir("old");
        let url = self.registry.url();
        self.base.prepare(&dir, &self.instrument, url).await;
        let store = ground::store(&dir).await.unwrap();
        let dispatcher = opened(Arc::clone(&store), &dir).await;
        for n in 0..AWARDS {
            let (key, request) = (award_key(n), request(n).unwrap());
            dispatcher.accept(&key, &request).await.unwrap();
            if n < OFFERED {
                let ticket = dispatcher.award(&key, &request).await.unwrap();
                self.codes.insert(n, (ticket.otc, ticket.pin));
            }
            if n < ACKNOWLEDGED {
                dispatcher.acknowledge(&key).await.unwrap();
            }
        }
        // Nobody may be using what is copied.
        store.close().await.unwrap();
    }

    /// Lets a worker die at each call that the shim sees, once at each. Its folder is always as `old`,
    /// or one with a store that is still to be made.
    async fn dies_at_each_call(&mut self, shim: &Shim, how: &'static str, old: Option<&Path>) {
        let mut calls = 0;
        for at in 1.. {
            let dir = match old {
                Some(old) => self.copy(old).await,
                None => self.fresh().await,
            };
            let folder = dir.join(KEPT);
            let of = match &self.base {
                Base::Sqlite => Calls::Files(&folder, "wom.db"),
                Base::Postgres(server) => Calls::Port(server.port()),
            };
            if !self.dies(&dir, shim, Blow { how, at, of }) {
                break;
            }
            calls = at;
            self.goes_on(&dir).await;
        }
        assert!(calls > 10, "the shim sees only {calls} calls");
        println!("{how}: {calls} calls; lost 0, doubled 0");
    }

    /// A folder that has everything from another one, and its data base.
    async fn copy(&mut self, from: &Path) -> PathBuf {
        let dir = self.next();
        for within in ["", KEPT] {
            fs::create_dir_all(dir.join(within)).unwrap();
            for entry in fs::read_dir(from.join(within)).unwrap() {
                let entry = entry.unwrap();
                if entry.file_type().unwrap().is_file() {
                    fs::copy(entry.path(), dir.join(within).join(entry.file_name())).unwrap();
                }
            }
        }
        if let Base::Postgres(server) = &self.base {
            let url = fs::read_to_string(from.join("database")).unwrap();
            fs::write(dir.join("database"), server.copy_of(&url).await).unwrap();
        }
        dir
    }

    /// A folder with a store that is still to be made.
    async fn fresh(&mut self) -> PathBuf {
        let dir = self.next();
        let url = self.registry.url();
        self.base.prepare(&dir, &self.instrument, url).await;
        dir
    }

    fn next(&mut self) -> PathBuf {
        self.made += 1;
        self.dir(&self.made.to_string())
    }

    /// Opens a store, and is killed. `false` if it was open before.
    fn dies(&self, dir: &Path, shim: &Shim, blow: Blow<'_>) -> bool {
        let mut worker = ground::again("upgrade::child_opens_and_awards");
        shim.strike(worker.env(WORKER, dir), blow);
        let output = worker.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut said = text.lines().filter_map(ground::said);
        let first = said.next().unwrap_or_else(|| panic!("it broke: {text}"));
        if !first.starts_with("struck") {
            return false;
        }
        println!("{} {}: {first}", blow.how, blow.at);
        assert!(!output.status.success(), "it lives on: {text}");
        true
    }

    /// The next one opens the store and hands everything over.
    async fn goes_on(&mut self, dir: &Path) {
        let output = ground::again("upgrade::child_opens_and_awards")
            .env(WORKER, dir)
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let mut heard = Heard::default();
        for line in text.lines().filter_map(ground::said) {
            heard.hear(line);
        }
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(heard.finished, "{text}\n{complaint}");
        assert_eq!(heard.lost().next(), None, "an award is lost");
        assert_eq!(heard.offered.len(), (AWARDS - ACKNOWLEDGED) as usize);
        for (n, code) in heard.offered {
            let first = self.codes.entry(n).or_insert_with(|| code.clone());
            assert_eq!(*first, code, "two codes for award {n}");
        }
        fs::remove_dir_all(dir).unwrap();
    }

    /// Each code is good, and there are no others.
    async fn redeem_all(&self) {
        let pocket = Pocket::open(self.dir("wallet.json")).unwrap();
        let wallet = PocketClient::new(RegistryClient::new(self.registry.url()).unwrap());
        let mut due = 0;
        for (n, (otc, pin)) in &self.codes {
            let link = Link::Vouchers(otc.clone());
            let redeemed = pocket.redeem(&wallet, &link, pin, None).await.unwrap();
            assert_eq!(redeemed.vouchers, minutes(*n));
            due += u64::from(minutes(*n));
        }
        let books = self.registry.registry().books().await.unwrap().total;
        assert_eq!((books.issued, books.redeemed), (due, due));
    }
}

/// Opens the store, which upgrades it, and then awards what is still to be handed over.
#[test]
fn child_opens_and_awards() {
    let Ok(dir) = std::env::var(WORKER) else {
        return;
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let dispatcher = open(Path::new(&dir)).await;
        say("open");
        killing::work(&dispatcher, ACKNOWLEDGED..AWARDS, say)
            .await
            .unwrap();
    });
}

async fn open(dir: &Path) -> Dispatcher {
    opened(ground::store(dir).await.unwrap(), dir).await
}

async fn opened(store: Arc<dyn Store>, dir: &Path) -> Dispatcher {
    let keys = Arc::new(ground::keys(dir).unwrap());
    let (issuer, clock) = (Arc::new(ground::issuer(dir)), Arc::new(SystemClock));
    Dispatcher::open(store, issuer, keys, clock).await.unwrap()
}
