//! The keys that seal tokens: the first seals, all open.
//!
//! Any server with the same ring can take over any connection. A ring in a folder survives a restart, so a restart does not cut
//! clients off.

use std::{
    fmt, fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};

/// Keys that nobody seals with any more are kept so long as they are listed; more than this is a mistake in the file.
const MAX_KEYS: usize = 16;
const KEY_BYTES: usize = 32;
const FILE_NAME: &str = "token-keys";

/// The keys that protect connection tokens and groups tokens.
///
/// # Examples
/// ```
/// use heliostat::KeyRing;
///
/// let folder = tempfile::tempdir()?;
/// let first = KeyRing::in_folder(folder.path())?;       // makes the file
/// assert_eq!(KeyRing::in_folder(folder.path())?, first); // finds it again
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct KeyRing {
    /// Never empty; newest first.
    keys: Vec<[u8; KEY_BYTES]>,
}

impl fmt::Debug for KeyRing {
    /// Never shows a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing").field("keys", &self.keys.len()).finish()
    }
}

/// Why there is no key ring.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyRingError {
    /// The operating system gave no random numbers.
    #[error("the operating system gave no random numbers for a new key: {0}")]
    NoRandomness(getrandom::Error),
    /// A ring has at least one key and at most sixteen.
    #[error("a key ring needs 1 to {MAX_KEYS} keys, not {count}; list the newest first and drop the oldest")]
    Count {
        /// How many there were.
        count: usize,
    },
    /// The file could not be read or made.
    #[error("the key file {path} cannot be used: {source}; check that the folder is there and writable")]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A line of the file is not a key.
    #[error(
        "line {line} of the key file {path} is not a key: expected {KEY_BYTES} bytes as base64; restore the file or remove it"
    )]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },
}

impl KeyRing {
    /// One new random key, kept nowhere: tokens end with this process.
    ///
    /// # Errors
    /// If the operating system has no random numbers to give.
    pub fn random() -> Result<Self, KeyRingError> {
        Ok(Self { keys: vec![new_key()?] })
    }

    /// These keys, newest first: the first seals, all open. Servers that share them share their clients.
    ///
    /// # Errors
    /// If there are none, or more than sixteen.
    pub fn new(keys: impl IntoIterator<Item = [u8; 32]>) -> Result<Self, KeyRingError> {
        let keys: Vec<_> = keys.into_iter().collect();
        if keys.is_empty() || keys.len() > MAX_KEYS {
            return Err(KeyRingError::Count { count: keys.len() });
        }
        Ok(Self { keys })
    }

    /// The ring kept in `folder`, in the file `token-keys`; made there, readable by its owner alone, if it does not exist.
    ///
    /// # Errors
    /// If the file can be neither read nor made, or is damaged.
    pub fn in_folder(folder: impl AsRef<Path>) -> Result<Self, KeyRingError> {
        let path = folder.as_ref().join(FILE_NAME);
        match fs::read_to_string(&path) {
            Ok(text) => Self::parse(&text, &path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let file_error = |source| KeyRingError::File { path: path.clone(), source };
                fs::create_dir_all(folder.as_ref()).map_err(file_error)?;
                let ring = Self::random()?;
                match ring.write(&path, Existing::Refuse) {
                    // Another server made it between our look and our write: theirs counts.
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Self::in_folder(folder),
                    written => written.map(|()| ring).map_err(file_error),
                }
            }
            Err(source) => Err(KeyRingError::File { path, source }),
        }
    }

    /// Puts a new key in front and keeps at most `keep` in all. Old tokens open until their key is dropped.
    ///
    /// # Errors
    /// If the operating system has no random numbers to give.
    pub fn rotated(mut self, keep: usize) -> Result<Self, KeyRingError> {
        self.keys.insert(0, new_key()?);
        self.keys.truncate(keep.clamp(1, MAX_KEYS));
        Ok(self)
    }

    /// Writes the ring to `folder`, over the one that is there. Servers that run see it at their next start.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save_in_folder(&self, folder: impl AsRef<Path>) -> Result<(), KeyRingError> {
        let path = folder.as_ref().join(FILE_NAME);
        self.write(&path, Existing::Replace).map_err(|source| KeyRingError::File { path, source })
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8; KEY_BYTES]> {
        self.keys.iter()
    }

    fn parse(text: &str, path: &Path) -> Result<Self, KeyRingError> {
        let mut keys = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line_text = line.trim();
            if line_text.is_empty() || line_text.starts_with('#') {
                continue;
            }
            let key = STANDARD.decode(line_text).ok().and_then(|bytes| bytes.try_into().ok());
            keys.push(key.ok_or_else(|| KeyRingError::Malformed { path: path.to_owned(), line: index + 1 })?);
        }
        Self::new(keys)
    }

    /// Written beside the real place first and then moved there, so that nobody ever reads half a file.
    fn write(&self, path: &Path, existing: Existing) -> io::Result<()> {
        let mut text = String::from("# Keys that seal tokens, newest first. Keep this file secret.\n");
        for key in &self.keys {
            text.push_str(&STANDARD.encode(key));
            text.push('\n');
        }
        let draft = path.with_extension(format!("draft-{}", std::process::id()));
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        match existing {
            Existing::Replace => fs::rename(&draft, path),
            // A hard link, unlike a rename, fails if the place is taken.
            Existing::Refuse => {
                let linked = fs::hard_link(&draft, path);
                fs::remove_file(&draft)?;
                linked
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Existing {
    Refuse,
    Replace,
}

fn new_key() -> Result<[u8; KEY_BYTES], KeyRingError> {
    let mut key = [0; KEY_BYTES];
    getrandom::fill(&mut key).map_err(KeyRingError::NoRandomness)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cp_091_a_ring_in_a_folder_is_found_again_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let made = KeyRing::in_folder(folder.path()).unwrap();
        assert_eq!(KeyRing::in_folder(folder.path()).unwrap(), made);
    }

    #[cfg(unix)]
    #[test]
    fn a_new_key_file_is_readable_by_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        KeyRing::in_folder(folder.path()).unwrap();
        let mode = fs::metadata(folder.path().join(FILE_NAME)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_file_is_refused_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE_NAME), "# fine\nnot a key\n").unwrap();
        let error = KeyRing::in_folder(folder.path()).unwrap_err();
        assert!(matches!(error, KeyRingError::Malformed { line: 2, .. }), "{error}");
    }

    #[test]
    fn a_rotated_ring_keeps_the_old_key_behind_the_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let old = KeyRing::in_folder(folder.path()).unwrap();
        let rotated = old.clone().rotated(2).unwrap();
        rotated.save_in_folder(folder.path()).unwrap();
        let found = KeyRing::in_folder(folder.path()).unwrap();
        assert_eq!(found, rotated);
        assert_eq!(found.keys.get(1), old.keys.first());
        assert_eq!(rotated.rotated(1).unwrap().keys.len(), 1);
    }

    #[test]
    fn an_empty_ring_is_refused() {
        assert!(matches!(KeyRing::new([]), Err(KeyRingError::Count { count: 0 })));
    }
}
