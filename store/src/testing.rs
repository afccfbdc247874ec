//! For tests: a real PostgreSQL server, started by the tests themselves.

#![allow(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::{
    fmt, fs,
    io::Read as _,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, postgres::PgConnectOptions};
use wom_sdk::files::lock_beside;

/// A PostgreSQL server with everything on that makes commits durable.
///
/// Its programs are looked for in `WOM_POSTGRES_BIN`, on the `PATH`, and where Debian and Homebrew
/// put them. It listens on this machine alone, under a password of its own.
pub struct PgServer {
    address: Address,
    /// What is stopped and removed when this is dropped.
    own: Option<Running>,
}

/// Where a server is, up to the name of the data base.
#[derive(Clone)]
struct Address {
    user: String,
    password: String,
    host: String,
}

/// A server that we have started.
#[derive(Debug)]
struct Running {
    programs: PathBuf,
    dir: PathBuf,
    owner: Option<u32>,
}

impl PgServer {
    /// The server that all tests of one run share, each in a [database](Self::database) of its
    /// own: the one that `WOM_POSTGRES` names by its URL, or one that the first test starts. It
    /// stops when the run is over.
    ///
    /// `None`, and a line that says so, where there is no PostgreSQL; in CI that is a failure.
    pub fn shared() -> Option<Self> {
        if let Ok(url) = std::env::var("WOM_POSTGRES") {
            let address = Address::parse(&url);
            return Some(Self { address, own: None });
        }
        let programs = programs_or_left_out()?;
        // What has started the tests: `cargo` or its like. With it the run is over.
        let run = parent();
        let dir = base().join(format!("wom-postgres-{run}"));
        let _lock = lock_beside(&dir).expect("the folder for temporary files can be written");
        let ready = dir.join("ready");
        let held = fs::read_to_string(&ready)
            .ok()
            .map(|url| Address::parse(&url))
            .filter(|address| std::net::TcpStream::connect(&address.host).is_ok());
        let address = held.unwrap_or_else(|| {
            let _ = fs::remove_dir_all(&dir);
            let (_, address) = Running::start(programs, &dir, run);
            fs::write(&ready, address.url("postgres")).unwrap();
            address
        });
        Some(Self { address, own: None })
    }

    /// A server for one test alone, which may stop and start it. It is gone with this value, or
    /// with the process. `None` as in [`shared`](Self::shared).
    pub fn own() -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let programs = programs_or_left_out()?;
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = base().join(format!("wom-postgres-own-{}-{n}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        let (running, address) = Running::start(programs, &dir, std::process::id());
        Some(Self {
            address,
            own: Some(running),
        })
    }

    /// Makes a new and empty data base, and gives its URL.
    pub async fn database(&self) -> String {
        self.made_from("template1").await
    }

    /// Makes a copy of a data base, which nobody may be using, and gives its URL.
    pub async fn copy_of(&self, url: &str) -> String {
        let (_, name) = url.rsplit_once('/').expect("a URL that this server gave");
        self.made_from(name).await
    }

    async fn made_from(&self, template: &str) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{}_{n}_{}", std::process::id(), random());
        let options: PgConnectOptions = self.url("postgres").parse().unwrap();
        let mut conn = options
            .disable_statement_logging()
            .connect()
            .await
            .expect("the test server is there");
        sqlx::query(AssertSqlSafe(format!(
            "CREATE DATABASE {name} TEMPLATE {template}"
        )))
        .execute(&mut conn)
        .await
        .expect("the test server's user may make data bases");
        conn.close().await.unwrap();
        self.url(&name)
    }

    /// The URL of a data base of this server.
    pub fn url(&self, database: &str) -> String {
        self.address.url(database)
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        let port = self.address.host.rsplit_once(':');
        port.map_or(5432, |(_, port)| port.parse().unwrap())
    }

    /// Ends the server as a crash would: at once, with nothing tidied up. Only of one's
    /// [own](Self::own).
    pub fn crash(&self) {
        self.running().control(&["stop", "-m", "immediate"]);
    }

    /// Starts the server again after [`crash`](Self::crash), and waits until it answers.
    pub fn start(&self) {
        self.running().control(&["start"]);
    }

    fn running(&self) -> &Running {
        let own = self.own.as_ref();
        own.expect("a server that others use is not stopped")
    }
}

impl Drop for PgServer {
    fn drop(&mut self) {
        if let Some(own) = &self.own {
            let stop = own.command("pg_ctl", &["stop", "-m", "immediate"]).output();
            drop(stop);
            let _ = fs::remove_dir_all(&own.dir);
        }
    }
}

impl fmt::Debug for PgServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PgServer({})", self.address.host)
    }
}

impl Address {
    fn parse(url: &str) -> Self {
        let parts = || {
            let (_, rest) = url.trim().split_once("://")?;
            let (user, place) = rest.rsplit_once('@')?;
            let (user, password) = user.split_once(':').unwrap_or((user, ""));
            let host = place.split(['/', '?']).next()?;
            Some(Self {
                user: user.to_owned(),
                password: password.to_owned(),
                host: host.to_owned(),
            })
        };
        parts().expect("WOM_POSTGRES is written as postgres://user:password@host:port/database")
    }

    fn url(&self, database: &str) -> String {
        let Self {
            user,
            password,
            host,
        } = self;
        format!("postgres://{user}:{password}@{host}/{database}")
    }
}

impl Running {
    /// Makes and starts a server in a new folder. Both go when the process `watched` does.
    fn start(programs: PathBuf, dir: &Path, watched: u32) -> (Self, Address) {
        fs::create_dir_all(dir).unwrap();
        let server = Self {
            programs,
            dir: dir.to_owned(),
            owner: unprivileged(dir),
        };
        server.watch(watched);
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("this machine has a loopback address")
            .port();
        let password = random();
        fs::write(dir.join("password"), &password).unwrap();
        give(dir, server.owner);
        give(&dir.join("password"), server.owner);
        let data = server.data();
        server.succeed(
            "initdb",
            &[
                "-U",
                "wom",
                "-A",
                "scram-sha-256",
                "--pwfile",
                &dir.join("password").display().to_string(),
                "-E",
                "UTF8",
                "--locale=C",
                "--no-sync",
            ],
        );
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{}'\n\
             fsync = on\nmax_connections = 300\nlog_min_messages = warning\n",
            dir.display()
        );
        let conf = data.join("postgresql.conf");
        let held = fs::read_to_string(&conf).unwrap();
        fs::write(&conf, held + &settings).unwrap();
        server.control(&["start"]);
        let address = Address {
            user: "wom".to_owned(),
            password,
            host: format!("127.0.0.1:{port}"),
        };
        (server, address)
    }

    /// Leaves a shell behind that stops the server and removes its folder once a process is gone,
    /// however it ended.
    fn watch(&self, watched: u32) {
        let script = r#"(
            while kill -0 "$1" 2>/dev/null; do sleep 0.5; done
            server=$(head -n 1 "$2/data/postmaster.pid" 2>/dev/null)
            if [ -n "$server" ]; then
                kill -QUIT "$server" 2>/dev/null
                for i in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$server" 2>/dev/null && sleep 0.2; done
            fi
            rm -rf "$2" "$2.lock") &"#;
        let mut shell = Command::new("sh");
        shell
            .args(["-c", script, "sh", &watched.to_string()])
            .arg(&self.dir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut shell, 0);
        shell.status().expect("there is a shell");
    }

    fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    fn control(&self, words: &[&str]) {
        let log = self.dir.join("data/server.log").display().to_string();
        let mut all = vec!["-w", "-t", "180", "-s", "-l", &log];
        all.extend(words);
        self.succeed("pg_ctl", &all);
    }

    fn succeed(&self, program: &str, words: &[&str]) {
        // A server that was started holds the other ends of pipes: so the words go to a file.
        let said = self.dir.join("said");
        let file = fs::File::create(&said).unwrap();
        let status = self
            .command(program, words)
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .status();
        let fine = status.is_ok_and(|status| status.success());
        let said = fs::read_to_string(&said).unwrap_or_default();
        let log = fs::read_to_string(self.dir.join("data/server.log")).unwrap_or_default();
        assert!(fine, "{program} failed: {said}\n{log}");
    }

    fn command(&self, program: &str, words: &[&str]) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command
            .arg("-D")
            .arg(self.data())
            .args(words)
            .current_dir(&self.dir)
            .stdin(Stdio::null());
        #[cfg(unix)]
        if let Some(owner) = self.owner {
            use std::os::unix::process::CommandExt as _;
            command.uid(owner).gid(owner);
        }
        command
    }
}

/// The folder of `initdb`, `pg_ctl` and `postgres`, or a line that says that there is none.
fn programs_or_left_out() -> Option<PathBuf> {
    let found = programs();
    if found.is_none() {
        let advice = "install the package postgresql, or name a server in WOM_POSTGRES or the folder of its programs in WOM_POSTGRES_BIN";
        assert!(
            std::env::var_os("CI").is_none(),
            "there is no PostgreSQL here: {advice}"
        );
        eprintln!("LEFT OUT: there is no PostgreSQL here: {advice}");
    }
    found
}

fn programs() -> Option<PathBuf> {
    let named = std::env::var_os("WOM_POSTGRES_BIN").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt"];
    let mut versions: Vec<_> = usual
        .iter()
        .filter_map(|dir| fs::read_dir(dir).ok())
        .flat_map(|entries| entries.flatten().map(|entry| entry.path().join("bin")))
        .collect();
    versions.sort();
    versions.reverse();
    let complete = |dir: &PathBuf| {
        ["initdb", "pg_ctl", "postgres"]
            .iter()
            .all(|program| dir.join(program).is_file())
    };
    named
        .into_iter()
        .chain(versions)
        .chain(std::env::split_paths(&path))
        .find(complete)
}

/// A folder for temporary files with a short name, as a socket's must be, and open to all users.
fn base() -> PathBuf {
    let usual = std::env::temp_dir();
    let short = Path::new("/tmp");
    if cfg!(unix) && short.is_dir() {
        short.to_owned()
    } else {
        usual
    }
}

#[cfg(unix)]
fn parent() -> u32 {
    std::os::unix::process::parent_id()
}

#[cfg(not(unix))]
fn parent() -> u32 {
    std::process::id()
}

/// PostgreSQL does not run as root: then who runs it instead.
#[cfg(unix)]
fn unprivileged(dir: &Path) -> Option<u32> {
    use std::os::unix::fs::MetadataExt as _;
    if fs::metadata(dir).unwrap().uid() != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let of = |name: &str| {
        let line = users
            .lines()
            .find(|line| line.split(':').next() == Some(name))?;
        line.split(':').nth(2)?.parse().ok()
    };
    let user = of("postgres").or_else(|| of("nobody"));
    Some(user.expect("there is a user postgres or nobody"))
}

#[cfg(not(unix))]
fn unprivileged(_: &Path) -> Option<u32> {
    None
}

#[cfg(unix)]
fn give(path: &Path, owner: Option<u32>) {
    std::os::unix::fs::chown(path, owner, owner).unwrap();
}

#[cfg(not(unix))]
fn give(_: &Path, _: Option<u32>) {}

/// 16 hexadecimal digits that nobody guesses.
fn random() -> String {
    let mut bytes = [0; 8];
    let read = fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
    read.expect("the system gives random bytes");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
