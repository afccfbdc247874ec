use std::{collections::BTreeSet, env, fs, path::Path};

use serde_json::Value;

/// The document as the code makes it.
fn document() -> String {
    wom_service::openapi().to_pretty_json().unwrap()
}

#[test]
fn the_document_in_the_repository_is_the_one_that_the_code_makes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    let made = document() + "\n";
    if env::var_os("UPDATE").is_some() {
        fs::write(&path, &made).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == made,
        "docs/openapi.json is stale: run UPDATE=1 cargo test -p wom-service --test service openapi, \
         and look at what changed for those who call"
    );
}

#[test]
fn every_operation_has_a_name_of_its_own() {
    let document: Value = serde_json::from_str(&document()).unwrap();
    let operations: Vec<&Value> = document["paths"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|path| path.as_object().unwrap().values())
        .collect();
    let names: BTreeSet<_> = operations
        .iter()
        .map(|operation| operation["operationId"].as_str().unwrap())
        .collect();
    assert_eq!(names.len(), operations.len(), "{names:?}");
}
