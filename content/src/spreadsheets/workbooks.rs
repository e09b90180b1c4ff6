//! (stand-in until the real one is merged)
use super::ReadError;
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind { Csv, Workbook }
impl Kind { pub fn of(_bytes: &[u8], _name: &str) -> Self { Self::Csv } }
pub fn to_csv(bytes: &[u8], _file_name: &str) -> Result<Vec<u8>, ReadError> { Ok(bytes.to_vec()) }
