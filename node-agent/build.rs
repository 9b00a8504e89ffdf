//! How the agent is linked: small, for it is resident on every server.

use std::env::var;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| var(name).is_ok_and(|it| it == value);
    if !is("CARGO_CFG_TARGET_ENV", "gnu") || !is("PROFILE", "release") {
        return;
    }
    // Addresses that are set at the start are written down in a few bits each and not in 24 bytes, which would stay in
    // memory (glibc 2.36, Debian 12).
    println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    if is("CARGO_CFG_TARGET_ARCH", "x86_64") {
        // There the compiler brings LLD along, which keeps equal functions once.
        println!("cargo::rustc-link-arg-bins=-Wl,--icf=all");
    }
}
