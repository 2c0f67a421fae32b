//! Tells the linker where libtorch lies: where `setup.sh` fetched it, so that a built program finds it without any
//! environment variable; in packages (cargo's profile `dist`) beside the program, and nowhere else. And tells the program its version.
use std::path::{Path, PathBuf};

/// Folder of libraries in a package, as seen from the program.
const PACKAGED: &str = "$ORIGIN/../lib/pinkpoint";

fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    println!("cargo:rustc-check-cfg=cfg(packaged)");
    let libtorch = std::env::var_os("LIBTORCH").map(PathBuf::from);
    if let Some(version) = libtorch.as_deref().and_then(version_of) {
        println!("cargo:rustc-env=PINKPOINT_LIBTORCH={version}");
    }
    if is_packaged() {
        println!("cargo:rustc-cfg=packaged");
        // The older kind of search path holds for what libraries need in turn as well.
        println!("cargo:rustc-link-arg=-Wl,--disable-new-dtags,-rpath,{PACKAGED}");
        return;
    }
    let Some(libtorch) = libtorch else {
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

/// The version of the libtorch that is linked, as its headers have it.
fn version_of(libtorch: &Path) -> Option<String> {
    let header = std::fs::read_to_string(libtorch.join("include/torch/headeronly/version.h")).ok()?;
    let number = |part: &str| {
        let define = format!("#define TORCH_VERSION_{part} ");
        header.lines().find_map(|line| line.strip_prefix(&define))
    };
    let parts = [number("MAJOR")?, number("MINOR")?, number("PATCH")?];
    Some(parts.map(str::trim).join("."))
}

/// Whether the profile is `dist`: cargo names only the profile that it inherits from, but builds in a folder so called.
fn is_packaged() -> bool {
    let out = std::env::var_os("OUT_DIR").map(PathBuf::from).unwrap_or_default();
    out.ancestors()
        .nth(3)
        .is_some_and(|profile| profile.ends_with("dist"))
}
