//! Small programs that show wom-sdk at work: see `examples/` beside this file, and run one with
//! `cargo run -p wom-examples --example award`. Three stories, `fitness`, `lms` and `till`, are told in
//! Python and in Node too, in `python/` and `node/`, and end with the same figures.
