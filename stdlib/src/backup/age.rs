//! Secrets of a backup, encrypted with age (<https://age-encryption.org/v1>, recipients of X25519).

use meshbook_runtime::effect::{Effect, Reply};
use meshbook_runtime::failure::{BAD_ANSWER, Failure};
use meshbook_runtime::run::Run;

use crate::code::BACKUP_KEY;
use crate::text::first_line;

/// Whom the secrets of a backup are encrypted for.
pub struct Recipient(::age::x25519::Recipient);

/// Who can read them.
pub struct Identity(::age::x25519::Identity);

impl Recipient {
    /// Reads `age1…`, as `age-keygen` prints it.
    ///
    /// # Errors
    /// `BACKUP_KEY`.
    pub fn of(text: &str) -> Result<Self, Failure> {
        text.parse().map(Recipient).map_err(|why| {
            Failure::new(&BACKUP_KEY, format!("`{}` is no recipient of age: {why}", first_line(text)))
                .unchanged("nothing was read or written")
                .hint("write the public key that `age-keygen` prints, `age1…`")
        })
    }

    /// Encrypts for this recipient.
    ///
    /// # Errors
    /// `BACKUP_KEY`.
    pub fn encrypt(&self, text: &str) -> Result<Vec<u8>, Failure> {
        ::age::encrypt(&self.0, text.as_bytes()).map_err(|why| {
            Failure::new(&BACKUP_KEY, format!("age did not encrypt: {why}")).unchanged("nothing was written")
        })
    }
}

impl Identity {
    /// Reads the file of `age-keygen` that lies beside the backups: its first line that is no comment.
    ///
    /// # Errors
    /// `BACKUP_KEY`, and what reading a file can end in.
    pub fn in_file(run: &Run, name: &str) -> Result<Self, Failure> {
        let Reply::Text(text) = run.read(Effect::read_file(name))? else {
            return Err(Failure::new(&BAD_ANSWER, format!("the file {name} holds no text")));
        };
        let line = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
        // What it holds is never shown, not even where it is wrong.
        line.and_then(|line| line.parse().ok()).map(Identity).ok_or_else(|| {
            Failure::new(&BACKUP_KEY, format!("the file {name} holds no identity of age"))
                .unchanged("nothing was changed")
                .hint("it is the file that `age-keygen -o` wrote: a line begins with AGE-SECRET-KEY-1")
        })
    }

    /// Decrypts.
    ///
    /// # Errors
    /// `BACKUP_KEY` if it was encrypted for somebody else, or is damaged.
    pub fn decrypt(&self, bytes: &[u8], what: &str) -> Result<String, Failure> {
        let plain = ::age::decrypt(&self.0, bytes).map_err(|why| why.to_string());
        plain.and_then(|plain| String::from_utf8(plain).map_err(|_| "it is no text".to_owned())).map_err(|why| {
            Failure::new(&BACKUP_KEY, format!("{what} cannot be decrypted: {why}"))
                .unchanged("nothing was changed")
                .hint("give the identity whose recipient the backup was made for, or leave `identity` out: the rest is restored without the secrets")
        })
    }
}
