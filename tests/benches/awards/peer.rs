//! Clients of other languages, each in a process of its own that speaks the protocol of
//! `tests/peers/awards.py`.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use wom_registry::NewInstrument;

use crate::Run;

/// A client, and how it is started.
pub(crate) struct Client {
    pub(crate) name: &'static str,
    /// The variable of the environment with the interpreter or the Node that runs it.
    pub(crate) variable: &'static str,
    /// Where its program is, from this package.
    script: &'static str,
}

pub(crate) const CLIENTS: [Client; 3] = [
    Client {
        name: "wom-connector 1.1.0 for Python",
        variable: "WOM_PEER_PYTHON",
        script: "peers/awards.py",
    },
    Client {
        name: "our Python package",
        variable: "WOM_PACKAGE_PYTHON",
        script: "../python/bench/awards.py",
    },
    Client {
        name: "our Node package",
        variable: "WOM_PACKAGE_NODE",
        script: "../node/bench/awards.mjs",
    },
];

pub(crate) struct Peer {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Peer {
    pub(crate) fn start(client: &Client, url: &str, source: &NewInstrument) -> Option<Self> {
        let interpreter = std::env::var_os(client.variable)?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(client.script);
        let mut process = Command::new(interpreter)
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = process.stdin.take().unwrap();
        let given = serde_json::json!({
            "domain": url.trim_start_matches("http://"),
            "sourceId": source.id,
            "sourceKey": *source.key.to_pkcs1_pem(),
        });
        writeln!(input, "{given}").unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        Some(Self {
            process,
            input,
            output,
        })
    }

    pub(crate) fn run(&mut self, awards: u32, in_flight: u32) -> Run {
        writeln!(self.input, "{awards} {in_flight}").unwrap();
        let mut line = String::new();
        while !line.starts_with("done ") {
            line.clear();
            assert!(
                self.output.read_line(&mut line).unwrap() > 0,
                "the client ended"
            );
        }
        let mut numbers = line
            .split_whitespace()
            .skip(1)
            .map(|text| text.parse::<f64>().unwrap());
        let (seconds, cpu) = (numbers.next().unwrap(), numbers.next().unwrap());
        Run::of(awards, seconds, cpu)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
