//! The disk fails below SQLite: the n-th write, sync or truncation of a run, for every n.
//!
//! `shim.c` stands between the worker and the C library. `WOM_DISK_STEP=n` takes only
//! each n-th, `WOM_DISK_AT=n` repeats one.

use std::collections::BTreeMap;

use crate::{
    ground::{Base, KEPT, set_or},
    shim::{Blow, Calls, Shim, struck},
    way::{Course, End, Given, Ways},
};

/// The shortest way.
const ONE: Given = &[("anna", 0, 30)];

/// The call fails with an I/O error, once.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_fails_is_never_taken_for_done() {
    fail_everywhere("io").await;
}

/// There is no space from some write on, of which half was done.
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_is_never_written_on() {
    fail_everywhere("full").await;
}

/// A write does half of what it was asked for, as it may: whoever writes goes on with the rest.
#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_does_half_is_gone_on_with() {
    fail_everywhere("short").await;
}

async fn fail_everywhere(how: &str) {
    let Some(shim) = Shim::made() else { return };
    let mut ways = Ways::new(Base::Sqlite, Course::Whole(ONE)).await;
    let mut outcomes: BTreeMap<String, u32> = BTreeMap::new();
    let mut broken = Vec::new();
    let (first, last) = match set_or("WOM_DISK_AT", 0) {
        0 => (1, 10_000),
        one => (one, one),
    };
    let step = usize::try_from(set_or("WOM_DISK_STEP", 1)).unwrap();
    for at in (first..=last).step_by(step) {
        let mut way = ways.begin().await;
        let folder = way.dir.join(KEPT);
        let of = Calls::Files(&folder, "");
        let run = way.run(|worker| shim.strike(worker, Blow { how, at, of }));
        let Some((before, after)) = struck(&run.said) else {
            assert!(at > 40, "the shim sees no writes: is this binary static?");
            break;
        };
        let what = after[0].as_str();
        let outcome = match &run.end {
            End::Finished(_) => "goes on".to_owned(),
            End::Failed(code) => code.clone(),
            End::Died(name) => panic!("it died at {name}"),
        };
        println!("{how} {at}: {what}, after {before:?}: {outcome}");
        let promises = ["accepted", "offered"];
        let promised = |line: &String| promises.iter().any(|word| line.starts_with(word));
        // SQLite syncs the folder when it makes a file in it, and does not heed a failure. The store
        // syncs it once more before it promises anything, and does.
        let made_up_for = what.ends_with("fsync .") && !before.iter().any(promised);
        // Where there is no space any more it is writes that fail.
        let failed = how == "io" || how == "full" && what.contains("write");
        if failed && after.iter().any(promised) && !made_up_for {
            broken.push(format!("{at}: {what}"));
        }
        *outcomes.entry(outcome).or_default() += 1;
        way.finish();
        ways.check(&way).await;
    }
    assert_eq!(broken, [""; 0], "more was promised after these failed");
    println!("{how}: {outcomes:?}; lost 0, doubled 0");
    if how == "short" {
        assert_eq!(outcomes.keys().collect::<Vec<_>>(), ["goes on"]);
    } else if first != last {
        assert!(outcomes.contains_key("storage_failed"));
    }
}
