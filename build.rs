//! Tells the linker where libtorch lies: where `setup.sh` fetched it, so that a built program finds it without any
//! environment variable; in packages (cargo's profile `dist`) beside the program, and nowhere else.
use std::path::PathBuf;

/// Folder of libraries in a package, as seen from the program.
const PACKAGED: &str = "$ORIGIN/../lib/pinkpoint";

fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    println!("cargo:rustc-check-cfg=cfg(packaged)");
    if is_packaged() {
        println!("cargo:rustc-cfg=packaged");
        // The older kind of search path holds for what libraries need in turn as well.
        println!("cargo:rustc-link-arg=-Wl,--disable-new-dtags,-rpath,{PACKAGED}");
        return;
    }
    let Some(libtorch) = std::env::var_os("LIBTORCH").map(PathBuf::from) else {
        println!("cargo:warning=LIBTORCH is not set; build from the project's folder");
        return;
    };
    let lib = libtorch.join("lib");
    println!("cargo:rerun-if-changed={}", lib.display());
    if !lib.join("libtorch_cpu.so").exists() {
        println!(
            "cargo:warning=no libtorch in {}: run ./setup.sh first",
            lib.display()
        );
    }
    println!("cargo:rustc-link-arg=-Wl,-rpath,{}", lib.display());
}

/// Whether the profile is `dist`: cargo names only the profile that it inherits from, but builds in a folder so called.
fn is_packaged() -> bool {
    let out = std::env::var_os("OUT_DIR").map(PathBuf::from).unwrap_or_default();
    out.ancestors()
        .nth(3)
        .is_some_and(|profile| profile.ends_with("dist"))
}
