//! Fuzz targets: any bytes may come in, and no panic may come out.

/// Reads these bytes as an answer of pretix's API: as each of those that there are.
pub fn fuzz_pretix_answer(data: &[u8]) {
    crate::pretix::fuzz::answer(data);
}

/// Takes these bytes as a webhook of pretix.
pub fn fuzz_pretix_call(data: &[u8]) {
    crate::pretix::fuzz::call(data);
}
