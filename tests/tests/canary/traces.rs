//! What was logged, and where a secret may not be found.

use std::{
    fs,
    io::Write,
    path::Path,
    sync::{Arc, Mutex, OnceLock},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};

/// What is logged by the whole program, at the most talkative level.
pub(crate) fn log() -> &'static Lines {
    static LINES: OnceLock<Lines> = OnceLock::new();
    LINES.get_or_init(|| {
        let lines = Lines::default();
        let writer = lines.clone();
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .init();
        lines
    })
}

#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    pub(crate) fn so_far(&self) -> Vec<u8> {
        self.0.lock().unwrap().clone()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Every file of the folder, as raw bytes.
pub(crate) fn assert_no_trace(dir: &Path, secrets: &[(&str, String)]) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        for (what, secret) in secrets {
            assert_absent(&bytes, what, secret, &path.display().to_string());
        }
    }
}

/// As it is, and in the forms in which secrets slip through.
pub(crate) fn assert_absent(bytes: &[u8], what: &str, secret: &str, place: &str) {
    let plain = secret.replace('-', "");
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let encoded: String = secret.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let reversed: String = secret.chars().rev().collect();
    for form in [secret.to_owned(), plain, hex, encoded, reversed] {
        let found = bytes
            .windows(form.len())
            .any(|part| part.eq_ignore_ascii_case(form.as_bytes()));
        assert!(!found, "the {what} is in {place}");
    }
    for shift in 0..3 {
        // The first letters depend on what stands before, the last ones on what follows.
        let before = "\0".repeat(shift);
        let base64 = BASE64_STANDARD.encode(before + secret);
        let form = &base64[[0, 2, 3][shift]..base64.len() - 4];
        let mut forms = vec![form.to_owned(), form.replace('+', "-").replace('/', "_")];
        forms.dedup();
        for form in forms {
            let found = bytes
                .windows(form.len())
                .any(|part| part == form.as_bytes());
            assert!(!found, "the {what} is in {place}");
        }
    }
}
