//! Lets the linker leave the names of Node-API to the program that loads this library.

fn main() {
    napi_build::setup();
}
