//! A file drop on an SFTP server. Why by the program `ssh`: `docs/decisions/sftp.md`.

mod address;
mod client;
mod ssh;
mod wire;

use async_trait::async_trait;
use bytes::Bytes;

pub(super) use self::{address::Address, ssh::Login};
use self::{
    client::{Client, SftpError},
    ssh::Connection,
};
use super::target::{
    DropError, DropTarget, DroppedFile, MAX_ATTEMPTS, check_name, is_temporary_of, temporary_name,
};
use tokio::io::{AsyncRead, AsyncWrite};

/// An SFTP server. Each operation has a connection of its own: there are few, and nothing is left to break between them.
#[derive(Debug)]
pub(super) struct Sftp {
    address: Address,
    login: Login,
}

impl Sftp {
    pub(super) const fn new(address: Address, login: Login) -> Self {
        Self { address, login }
    }

    async fn connect(&self) -> Result<Connection, DropError> {
        Connection::open(&self.address, &self.login).await
    }
}

#[async_trait]
impl DropTarget for Sftp {
    async fn put(&self, folder: &str, name: &str, contents: Bytes) -> Result<(), DropError> {
        check_name(name)?;
        let mut connection = self.connect().await?;
        put(&mut connection.client, folder, name, &contents).await
    }

    async fn list(&self, folder: &str) -> Result<Vec<DroppedFile>, DropError> {
        let mut connection = self.connect().await?;
        Ok(connection.client.list(folder).await?)
    }

    async fn fetch(
        &self,
        folder: &str,
        name: &str,
        max_bytes: u64,
    ) -> Result<Option<Bytes>, DropError> {
        check_name(name)?;
        let mut connection = self.connect().await?;
        let client = &mut connection.client;
        let Some(file) = present(client.open(&join(folder, name)).await)? else {
            return Ok(None);
        };
        match client.read(&file, max_bytes).await? {
            Some(contents) => Ok(Some(contents.into())),
            None => Err(DropError::new("a file there is longer than is read")),
        }
    }

    async fn set_aside(&self, folder: &str, name: &str, subfolder: &str) -> Result<(), DropError> {
        check_name(name)?;
        let mut connection = self.connect().await?;
        let client = &mut connection.client;
        let aside = join(folder, subfolder);
        // That it exists is no fault; whatever else is wrong shows when the file is renamed.
        let _ = client.make_directory(&aside).await;
        let from = join(folder, name);
        if client.size(&from).await?.is_some() {
            present(client.rename(&from, &join(&aside, name)).await)?;
        }
        Ok(())
    }
}

async fn put<S: AsyncRead + AsyncWrite + Unpin + Send>(
    client: &mut Client<S>,
    folder: &str,
    name: &str,
    contents: &[u8],
) -> Result<(), DropError> {
    let published = join(folder, name);
    let length = contents.len() as u64;
    if client.size(&published).await? != Some(length) {
        let (file, temporary) = create_temporary(client, folder, name).await?;
        let written = async {
            client.write(&file, contents).await?;
            client.sync(&file).await?;
            client.close(file).await?;
            client.rename(&temporary, &published).await
        };
        if let Err(error) = written.await {
            // On a full disk, what was written is in the way of the next attempt.
            let _ = client.remove(&temporary).await;
            // A slower attempt finds its file swept by a faster one, which has published the same contents.
            let is_published =
                matches!(client.size(&published).await, Ok(Some(size)) if size == length);
            if !is_published {
                return Err(error.into());
            }
        }
    }
    sweep(client, folder, name).await;
    Ok(())
}

/// Creates a file with the first free temporary name, because another attempt may still write to the one before.
async fn create_temporary<S: AsyncRead + AsyncWrite + Unpin + Send>(
    client: &mut Client<S>,
    folder: &str,
    name: &str,
) -> Result<(client::Handle, String), DropError> {
    for attempt in 0..MAX_ATTEMPTS {
        let path = join(folder, &temporary_name(name, attempt));
        match client.create(&path).await {
            Ok(file) => return Ok((file, path)),
            // Version 3 says no more than "failure" of a name that is in use.
            Err(error) if error.is_failure() && client.size(&path).await?.is_some() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(DropError::new("the server says that every name is in use"))
}

/// Removes what killed attempts left of a file that is in place. A failure does no harm: the next file tries again.
async fn sweep<S: AsyncRead + AsyncWrite + Unpin + Send>(
    client: &mut Client<S>,
    folder: &str,
    name: &str,
) {
    for file in client.list(folder).await.unwrap_or_default() {
        if is_temporary_of(&file.name, name) {
            let _ = client.remove(&join(folder, &file.name)).await;
        }
    }
}

fn join(folder: &str, name: &str) -> String {
    match folder {
        "." => name.to_owned(),
        folder => format!("{}/{name}", folder.trim_end_matches('/')),
    }
}

/// Makes `None` of a file that does not exist.
fn present<T>(found: Result<T, SftpError>) -> Result<Option<T>, SftpError> {
    match found {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_missing() => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_joined_by_one_slash() {
        assert_eq!(join("/in", "x"), "/in/x");
        assert_eq!(join("/", "x"), "/x");
        assert_eq!(join("in/zips", "x"), "in/zips/x");
        assert_eq!(join(".", "x"), "x");
    }
}
