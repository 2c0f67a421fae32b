//! Tells the linker where the libtorch that `setup.sh` fetched lies, so that a built program finds it
//! without any environment variable.
use std::path::PathBuf;

fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
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
    // $ORIGIN/lib serves an installed copy that carries its libraries beside the binary.
    println!("cargo:rustc-link-arg=-Wl,-rpath,{}", lib.display());
    println!("cargo:rustc-link-arg=-Wl,-rpath,$ORIGIN/lib");
}
