//! Links a `getrandom` that gives the same bytes each time into the simulation's program; see `src/still.c`.

fn main() {
    println!("cargo::rerun-if-changed=src/still.c");
    let objects = cc::Build::new().file("src/still.c").compile_intermediates();
    for object in objects {
        println!("cargo::rustc-link-arg-bins={}", object.display());
    }
}
