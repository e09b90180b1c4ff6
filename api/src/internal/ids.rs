use std::str::FromStr;

use axum::{
    extract::{FromRequestParts, Path, rejection::PathRejection},
    response::{IntoResponse, Response},
};
use http::request::Parts;

use crate::problem::Problem;

/// The only parameter of a path. One that is not an id is answered like an unknown one, with 404.
pub(crate) struct Id<T>(pub(crate) T);

/// Two parameters of a path, in their order.
pub(crate) struct Ids<A, B>(pub(crate) A, pub(crate) B);

/// Three parameters of a path, in their order.
pub(crate) struct Ids3<A, B, C>(pub(crate) A, pub(crate) B, pub(crate) C);

impl<S: Send + Sync, T: FromStr> FromRequestParts<S> for Id<T> {
    type Rejection = IdRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, IdRejection> {
        let id: String = path(parts, state).await?;
        Ok(Self(parse(&id)?))
    }
}

impl<S: Send + Sync, A: FromStr, B: FromStr> FromRequestParts<S> for Ids<A, B> {
    type Rejection = IdRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, IdRejection> {
        let (a, b): (String, String) = path(parts, state).await?;
        Ok(Self(parse(&a)?, parse(&b)?))
    }
}

impl<S: Send + Sync, A: FromStr, B: FromStr, C: FromStr> FromRequestParts<S> for Ids3<A, B, C> {
    type Rejection = IdRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, IdRejection> {
        let (a, b, c): (String, String, String) = path(parts, state).await?;
        Ok(Self(parse(&a)?, parse(&b)?, parse(&c)?))
    }
}

/// A path whose parameters are not ids.
pub(crate) enum IdRejection {
    /// The path is not UTF-8.
    Path(PathRejection),
    /// A parameter cannot be parsed.
    NotAnId,
}

impl IntoResponse for IdRejection {
    fn into_response(self) -> Response {
        match self {
            Self::Path(rejection) => rejection.into_response(),
            Self::NotAnId => Problem::legacy_not_found().into_response(),
        }
    }
}

async fn path<S, T>(parts: &mut Parts, state: &S) -> Result<T, IdRejection>
where
    S: Send + Sync,
    T: serde::de::DeserializeOwned + Send,
{
    let path = Path::<T>::from_request_parts(parts, state).await;
    path.map(|Path(text)| text).map_err(IdRejection::Path)
}

fn parse<T: FromStr>(text: &str) -> Result<T, IdRejection> {
    text.parse().map_err(|_| IdRejection::NotAnId)
}
