//! Ralph, an LRS.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use reqwest::StatusCode;
use serde_json::Value;

/// The backend of files refuses every write after the first, unless it may append.
const APPENDING: &str = "
from ralph.backends.data.base import BaseOperationType
from ralph.backends.lrs.fs import FSLRSBackend
FSLRSBackend.default_operation_type = BaseOperationType.APPEND
from ralph.api import app
";

/// Ralph, as long as this lives.
pub(crate) struct Ralph {
    process: Child,
    pub(crate) url: String,
    client: reqwest::Client,
}

impl Ralph {
    pub(crate) async fn start(dir: &Path) -> Self {
        let python = std::env::var("WOM_RALPH").expect("WOM_RALPH names a Python with ralph-malph");
        let bin = PathBuf::from(python).parent().unwrap().to_owned();
        let port = {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            listener.local_addr().unwrap().port()
        };
        fs::create_dir(dir.join("store")).unwrap();
        fs::write(dir.join("lrs_fs.py"), APPENDING).unwrap();
        let command = |program: &str| {
            let mut command = Command::new(bin.join(program));
            command
                .current_dir(dir)
                .env("RALPH_APP_DIR", dir.join("app"))
                .env("RALPH_RUNSERVER_BACKEND", "fs")
                .env("RALPH_RUNSERVER_MAX_SEARCH_HITS_COUNT", "5")
                .env(
                    "RALPH_BACKENDS__LRS__FS__DEFAULT_DIRECTORY_PATH",
                    dir.join("store"),
                )
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            command
        };
        let auth = [
            "auth", "-u", "lms", "-p", "secret", "-s", "all", "-N", "LMS", "-A", "lms",
        ];
        let auth = command("ralph")
            .args(auth)
            .args(["https://lms.example.org", "-w"])
            .status();
        assert!(auth.unwrap().success());
        let port = port.to_string();
        let serve = ["lrs_fs:app", "--host", "127.0.0.1", "--port", &port];
        let ralph = Self {
            process: command("uvicorn").args(serve).spawn().unwrap(),
            url: format!("http://127.0.0.1:{port}"),
            client: reqwest::Client::builder()
                .no_proxy()
                .tls_certs_only([])
                .build()
                .unwrap(),
        };
        ralph.wait().await;
        ralph
    }

    async fn wait(&self) {
        let since = Instant::now();
        let heartbeat = format!("{}/__lbheartbeat__", self.url);
        loop {
            let answer = self.client.get(&heartbeat).send().await;
            if answer.is_ok_and(|answer| answer.status() == StatusCode::OK) {
                return;
            }
            assert!(
                since.elapsed() < Duration::from_secs(60),
                "the LRS does not start"
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    pub(crate) async fn post(&self, statements: &[Value]) {
        let answer = self
            .client
            .post(format!("{}/xAPI/statements", self.url))
            .basic_auth("lms", Some("secret"))
            .header("X-Experience-API-Version", "1.0.3")
            .json(statements)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
    }
}

impl Drop for Ralph {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
