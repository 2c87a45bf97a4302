//! AWS's Price List Query API: products with their prices, as JSON texts.
//!
//! It answers in us-east-1 for every region, and costs nothing.

use aws_sdk_pricing::types::{Filter, FilterType};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::Aws;
use super::error::Call;
use crate::provider::ProviderError;

/// Where it is called.
const HOME: &str = "us-east-1";
/// A page of answers; the API has no larger ones.
const PRODUCTS_A_PAGE: i32 = 100;
/// A question that more pages answer was too wide to mean one product.
const PAGES_AT_MOST: usize = 50;

/// What a question is answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Products {
    /// All products that match, each a JSON text.
    Found(Vec<String>),
    /// The price list can't answer it, in its own words.
    NotUnderstood(String),
}

/// The products of a service whose attributes have these values.
///
/// # Errors
/// When AWS can't be asked or refuses.
pub async fn products(
    aws: &Aws,
    service: &str,
    attributes: &[(&str, String)],
) -> Result<Products, ProviderError> {
    const ACTION: &str = "pricing:GetProducts";
    let home = aws.region(HOME).await;
    let filters = attributes
        .iter()
        .map(|(name, value)| filter(name, value))
        .collect::<Result<Vec<_>, _>>()?;
    let mut found = Vec::new();
    let mut next = None;
    for _ in 0..PAGES_AT_MOST {
        let request = home.cloud.pricing().get_products().service_code(service);
        let request = request
            .set_filters(Some(filters.clone()))
            .format_version("aws_v1")
            .max_results(PRODUCTS_A_PAGE)
            .set_next_token(next);
        let answer = request.send().await;
        if let Err(error) = &answer
            && matches!(
                error.code(),
                Some("InvalidParameterException" | "NotFoundException")
            )
        {
            let why = error.message().unwrap_or("no reason given");
            return Ok(Products::NotUnderstood(why.to_owned()));
        }
        let page = answer.called(ACTION)?;
        found.extend(page.price_list.unwrap_or_default());
        next = page.next_token.filter(|token| !token.is_empty());
        if next.is_none() {
            return Ok(Products::Found(found));
        }
    }
    Ok(Products::NotUnderstood(format!(
        "more than {PAGES_AT_MOST} pages of products match"
    )))
}

fn filter(name: &str, value: &str) -> Result<Filter, ProviderError> {
    let filter = Filter::builder()
        .r#type(FilterType::TermMatch)
        .field(name)
        .value(value);
    filter
        .build()
        .map_err(|why| ProviderError::refused(format!("the filter on `{name}` can't be made: {why}")))
}
