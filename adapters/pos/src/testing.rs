//! Fuzz targets: any bytes may come in, and no panic may come out.

/// Reads these bytes as an answer of Vendure: as each of those that there are.
pub fn fuzz_vendure_answer(data: &[u8]) {
    crate::vendure::fuzz::answer(data);
}

/// Takes these bytes as a webhook of Vendure's whose signature holds.
pub fn fuzz_vendure_call(data: &[u8]) {
    crate::vendure::fuzz::call(data);
}
