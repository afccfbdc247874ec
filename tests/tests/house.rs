//! The rules of the house that no other tool checks: `CONTRIBUTING.md` says why.
//!
//! `UPDATE=1 cargo test -p wom-tests --test house` rewrites what is generated.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::{
    env,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use wom_sdk::{Kind, Retry};

#[test]
fn every_member_takes_lints_licence_and_version_from_the_workspace() {
    let metadata = metadata();
    let workspace = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let workspace: toml::Table = workspace.parse().unwrap();
    let mut seen = 0;
    for package in members(&metadata) {
        let name = package["name"].as_str().unwrap();
        let manifest = fs::read_to_string(package["manifest_path"].as_str().unwrap()).unwrap();
        let manifest: toml::Table = manifest.parse().unwrap();
        let of_workspace = |value: Option<&toml::Value>| {
            value.and_then(|value| value.get("workspace")) == Some(&toml::Value::Boolean(true))
        };
        // Macros that bind Node write `unsafe`, which nothing can allow where it is forbidden.
        let lints = match name {
            "wom-node" => manifest.get("lints") == Some(&denying_unsafe(&workspace)),
            _ => of_workspace(manifest.get("lints")),
        };
        assert!(lints, "{name}: lints");
        let about = manifest.get("package").unwrap();
        for field in ["authors", "edition", "license", "rust-version", "version"] {
            assert!(of_workspace(about.get(field)), "{name}: {field}");
        }
        assert!(about.get("description").is_some(), "{name}: description");
        assert_eq!(package["license"], "MIT OR Apache-2.0", "{name}");
        seen += 1;
    }
    assert!(seen >= 9, "{seen}");
}

/// The workspace's lints, but that `unsafe` is denied in place of forbidden.
fn denying_unsafe(workspace: &toml::Table) -> toml::Value {
    let mut lints = workspace["workspace"]["lints"].clone();
    assert_eq!(lints["rust"]["unsafe_code"].as_str(), Some("forbid"));
    lints["rust"]["unsafe_code"] = "deny".into();
    lints
}

#[test]
fn no_dependency_asks_for_a_newer_rust() {
    let metadata = metadata();
    let promised = members(&metadata)
        .map(|package| version(package["rust_version"].as_str().unwrap()))
        .min()
        .unwrap();
    let newer: Vec<_> = packages(&metadata)
        .filter(|package| {
            let asked = package["rust_version"].as_str();
            asked.is_some_and(|asked| version(asked) > promised)
        })
        .map(|package| format!("{} asks for {}", package["name"], package["rust_version"]))
        .collect();
    assert!(newer.is_empty(), "promised {promised:?}, but {newer:?}");

    let output = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
        .arg("--version")
        .output()
        .unwrap();
    let here = String::from_utf8(output.stdout).unwrap();
    let here = here.split_whitespace().nth(1).unwrap();
    assert!(version(here) >= promised, "{here} is older than promised");
    let stated = format!("Rust {}.{}", promised[0], promised[1]);
    for page in ["CONTRIBUTING.md", "README.md"] {
        let text = fs::read_to_string(root().join(page)).unwrap();
        assert!(text.contains(&stated), "{page} does not say {stated}");
    }
}

#[test]
fn the_page_of_errors_is_up_to_date() {
    let path = root().join("docs/errors.md");
    let page = page_of_errors();
    if env::var_os("UPDATE").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "docs/errors.md is stale: run UPDATE=1 cargo test -p wom-tests --test house"
    );
}

#[test]
fn links_between_pages_lead_somewhere() {
    let mut checked = 0;
    for page in pages(&root()) {
        let text = fs::read_to_string(&page).unwrap();
        for link in links(&text) {
            let Some(file) = link.split('#').next().filter(|file| !file.is_empty()) else {
                continue;
            };
            if file.contains(':') {
                continue;
            }
            let target = page.with_file_name(file);
            assert!(target.exists(), "{}: {link}", page.display());
            checked += 1;
        }
    }
    assert!(checked > 3, "{checked}");
}

fn page_of_errors() -> String {
    let mut page = String::from(
        "<!-- Written by the test `house` from the table in wom-sdk/src/error.rs: \
         UPDATE=1 cargo test -p wom-tests --test house -->\n\n\
         # Errors\n\n\
         Every failure of the SDK, in every language and in the `wom` program, has one of these\n\
         codes. The code is what to decide by; the message says what happened, its context says\n\
         where, and its hint says what to do. No error ever holds a key, a PIN, a code, a person's\n\
         id or bytes of the input.\n\n\
         | try again? | means |\n| --- | --- |\n\
         | `never` | Trying again gives the same answer: something has to change first. |\n\
         | `safe` | Nothing happened yet: trying again does no harm. |\n\
         | `same_key` | It may have happened. Only the same award key, or the same code, may be \
         tried again; then it still happens once. |\n\n\
         | code | what happened | try again? | in Rust |\n| --- | --- | --- | --- |\n",
    );
    for kind in Kind::ALL {
        let retry: Retry = kind.retry();
        let (code, meaning, retry) = (kind.code(), kind.meaning(), retry.code());
        writeln!(
            page,
            "| `{code}` | {meaning} | `{retry}` | `Kind::{kind:?}` |"
        )
        .unwrap();
    }
    page.push_str(
        "\nThe advice is that of the kind; a single error may know better \
         (`Error::retry`).\n",
    );
    page
}

/// The pages that people read, outside folders of tools and builds.
fn pages(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !name.starts_with('.') && name != "target" && name != "node_modules" {
            found.extend(pages(&path));
        } else if name.ends_with(".md") {
            found.push(path);
        }
    }
    found
}

/// What stands in the round brackets of `[text](link)`.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(link, _)| link)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "cargo metadata failed");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn packages(metadata: &Value) -> impl Iterator<Item = &Value> {
    metadata["packages"].as_array().unwrap().iter()
}

fn members(metadata: &Value) -> impl Iterator<Item = &Value> {
    packages(metadata).filter(|package| package["source"].is_null())
}

/// The numbers of a version, such as 1.95 or 1.95.0-beta.1.
fn version(text: &str) -> [u32; 3] {
    let numbers = text.split(['-', '+']).next().unwrap_or_default();
    let mut numbers = numbers.split('.').map(|number| number.parse().unwrap());
    std::array::from_fn(|_| numbers.next().unwrap_or(0))
}
