//! The published Python connector, in a process of its own.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use wom_registry::NewInstrument;

use crate::Run;

pub(crate) struct Peer {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Peer {
    pub(crate) fn start(url: &str, source: &NewInstrument) -> Option<Self> {
        let python = std::env::var_os("WOM_PEER_PYTHON")?;
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/awards.py");
        let mut process = Command::new(python)
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
                "the connector ended"
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
