//! Where the data base is: a URL that holds a password, and what it may say.

use std::{fmt, net::IpAddr, path::Path};

use sqlx::{
    ConnectOptions as _,
    postgres::{PgConnectOptions, PgSslMode},
};
use wom_sdk::{Error, Kind, Result};
use zeroize::Zeroizing;

/// What a URL may say after its question mark. What the driver does not know it would log.
const PARAMETERS: [&str; 12] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "password",
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "statement-cache-capacity",
    "user",
];

/// The URL of a PostgreSQL data base, `postgres://user:password@host:port/name`. It is a secret: it
/// is not printed, not even in parts.
#[derive(Clone)]
pub struct DatabaseUrl(Zeroizing<String>);

impl DatabaseUrl {
    /// This URL. Parameters after a question mark are those of PostgreSQL's own programs: `user`,
    /// `password`, `host`, `hostaddr`, `port`, `dbname`, `sslmode`, `sslrootcert`, `sslcert`,
    /// `sslkey`, `application_name`.
    ///
    /// # Errors
    ///
    /// [`Kind::ConfigurationInvalid`] for what is no such URL, or has other parameters.
    pub fn new(url: impl Into<String>) -> Result<Self> {
        let url = Self(Zeroizing::new(url.into().trim().to_owned()));
        url.options()?;
        Ok(url)
    }

    /// The URL in this file, alone on its first line.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map(Zeroizing::new);
        let text = text.map_err(|error| {
            invalid("cannot read the file with the data base's URL")
                .with("file", path.display())
                .because(error)
        })?;
        let line = text.lines().next().unwrap_or_default();
        Self::new(line).map_err(|error| error.with("file", path.display()))
    }

    /// The URL in this variable of the environment.
    pub fn from_env(variable: &'static str) -> Result<Self> {
        let text = std::env::var(variable).map_err(|_| {
            invalid("the data base's URL is not in the environment").with("variable", variable)
        })?;
        Self::new(text).map_err(|error| error.with("variable", variable))
    }

    /// The URL in clear.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// How to connect. Without TLS only to this machine, unless `plain` says otherwise; to another
    /// one the certificate must be good.
    pub(super) fn secured(&self, plain: bool) -> Result<PgConnectOptions> {
        let options = self.options()?;
        let mode = options.get_ssl_mode();
        if plain || is_local(&options) {
            return Ok(options);
        }
        match mode {
            PgSslMode::VerifyCa | PgSslMode::VerifyFull => Ok(options),
            // What the driver takes where the URL says nothing.
            PgSslMode::Prefer => Ok(options.ssl_mode(PgSslMode::VerifyFull)),
            PgSslMode::Allow | PgSslMode::Disable | PgSslMode::Require => Err(Error::new(
                Kind::InsecureTransport,
                "the URL asks for a connection to another machine that others can read or take over",
            )
            .hint("say sslmode=verify-full, with sslrootcert=FILE where the authority is your own")),
        }
    }

    fn options(&self) -> Result<PgConnectOptions> {
        let not_a_url = || {
            invalid("not a URL of a PostgreSQL data base")
                .hint("write it as postgres://user:password@host:port/name, with other signs than letters and digits as %20")
        };
        if !["postgres://", "postgresql://"]
            .iter()
            .any(|scheme| self.0.starts_with(scheme))
        {
            return Err(not_a_url());
        }
        if let Some((_, parameters)) = self.0.split_once('?') {
            let known = |pair: &str| {
                let name = pair.split('=').next().unwrap_or_default();
                PARAMETERS.contains(&name)
            };
            if !parameters.split('&').all(known) {
                return Err(
                    invalid("the data base's URL has a parameter that is not known")
                        .hint(format!("known are {}", PARAMETERS.join(", "))),
                );
            }
        }
        let options: PgConnectOptions = self.0.parse().map_err(|_| not_a_url())?;
        Ok(options.disable_statement_logging())
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DatabaseUrl(redacted)")
    }
}

fn is_local(options: &PgConnectOptions) -> bool {
    let host = options.get_host();
    options.get_socket().is_some()
        || host.starts_with('/')
        || host == "localhost"
        || host
            .trim_matches(['[', ']'])
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback())
}

fn invalid(message: &'static str) -> Error {
    Error::new(Kind::ConfigurationInvalid, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secured(url: &str, plain: bool) -> Result<PgSslMode> {
        let options = DatabaseUrl::new(url)?.secured(plain)?;
        Ok(options.get_ssl_mode())
    }

    #[test]
    fn another_machine_is_reached_by_good_tls_only() {
        for (url, mode) in [
            ("postgres://u:p@db.example/wom", "VerifyFull"),
            (
                "postgres://u:p@db.example/wom?sslmode=verify-ca",
                "VerifyCa",
            ),
            ("postgres://u:p@localhost/wom?sslmode=disable", "Disable"),
            ("postgres://u:p@127.0.0.7/wom?sslmode=disable", "Disable"),
            ("postgres://u:p@[::1]/wom?sslmode=disable", "Disable"),
            (
                "postgresql:///wom?host=/run/postgresql&sslmode=disable",
                "Disable",
            ),
        ] {
            assert_eq!(format!("{:?}", secured(url, false).unwrap()), mode, "{url}");
        }
        for mode in ["disable", "allow", "require"] {
            let url = format!("postgres://u:p@10.0.0.1/wom?sslmode={mode}");
            let error = secured(&url, false).unwrap_err();
            assert_eq!(error.kind(), Kind::InsecureTransport, "{mode}");
            assert!(secured(&url, true).is_ok());
        }
        // A name that only begins as this machine's.
        let url = "postgres://u:p@localhost.example/wom?sslmode=disable";
        assert!(secured(url, false).is_err());
    }

    #[test]
    fn what_is_wrong_with_a_url_is_told_without_the_url() {
        for url in [
            "",
            "canary",
            "mysql://u:canary@h/d",
            "postgres://u:canary@h:port/d",
            "postgres://u:p@h/d?pasword=canary",
            "postgres://u:canary@h/d?sslmode=canary",
            "postgres://u:p@h/d?sslmode=disable&canary",
        ] {
            let error = DatabaseUrl::new(url).unwrap_err();
            assert_eq!(error.kind(), Kind::ConfigurationInvalid);
            assert!(!format!("{error:?}").contains("canary"), "{error:?}");
        }
        let url = DatabaseUrl::new("postgres://u:canary@localhost/d").unwrap();
        assert!(!format!("{url:?}").contains("canary"));
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("url");
        std::fs::write(&path, "postgres://u:p@h/d\nnotes").unwrap();
        assert_eq!(
            DatabaseUrl::from_file(&path).unwrap().reveal(),
            "postgres://u:p@h/d"
        );
        assert!(DatabaseUrl::from_file(dir.path().join("none")).is_err());
    }
}
