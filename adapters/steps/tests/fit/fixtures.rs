//! Sample files that ship with the crate `fitparser`; shared by tests and measurements.

use std::{fs, path::PathBuf, process::Command, sync::OnceLock};

/// A sample that ships with the source of the crate `fitparser`, which is a dev-dependency.
pub(crate) fn fixture(name: &str) -> Vec<u8> {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let output = Command::new(env!("CARGO"))
            .args(["metadata", "--format-version", "1", "--offline"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let package = metadata["packages"]
            .as_array()
            .unwrap()
            .iter()
            .find(|package| package["name"] == "fitparser")
            .unwrap();
        let manifest = PathBuf::from(package["manifest_path"].as_str().unwrap());
        manifest.with_file_name("tests").join("fixtures")
    });
    fs::read(folder.join(name)).unwrap()
}
