//! Where the lines of earlier conversations are kept: a file of this user alone, because arguments may be secrets.

use std::path::{Path, PathBuf};

use rustyline::history::FileHistory;
use rustyline::{Editor, Helper};

/// The file, in the folder that the system has for what programs remember. `None` if the user has no home.
pub(crate) fn path() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = if cfg!(windows) {
        set("LOCALAPPDATA")
    } else {
        set("XDG_STATE_HOME").or_else(|| set("HOME").map(|home| home.join(".local/state")))
    };
    Some(folder?.join("heliostat").join("talk_history"))
}

/// Adds what is new to the file. A history that cannot be kept is no reason to bother anybody.
pub(crate) fn save<H: Helper>(editor: &mut Editor<H, FileHistory>, file: &Path) {
    if let Some(folder) = file.parent() {
        let _ = std::fs::create_dir_all(folder);
    }
    // The editor makes the file readable for its owner alone.
    let _ = editor.append_history(file);
}
