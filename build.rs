//! The release binary carries the site, so it is built again when the site is.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=migrations");
    let server = std::env::var_os("CARGO_FEATURE_SSR").is_some();
    let release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    if server && release {
        println!("cargo:rerun-if-changed=target/site");
    }
}
