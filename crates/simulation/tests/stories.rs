//! The stories about both ends, read from `stories/both/*.story`.
//!
//! What comes of each paragraph is compared, or, if the environment says `UPDATE_STORIES=1`, rewritten: then the diff
//! is to be read in review.

use std::fs;
use std::path::Path;

use heliostat_simulation::tell;

#[test]
fn the_stories_about_both_ends_go_as_written() {
    let update = std::env::var_os("UPDATE_STORIES").is_some_and(|value| value == "1");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../stories/both");
    let mut told = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let retold = tell(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        if update && retold != text {
            fs::write(&path, retold).unwrap();
        } else {
            let name = path.display();
            assert_eq!(text, retold, "{name} goes otherwise; UPDATE_STORIES=1 rewrites it\n\n{retold}");
        }
        told += 1;
    }
    assert!(told > 0, "no story was found");
}
