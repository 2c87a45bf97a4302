//! The list of routes, and what surrounds every one of them: counting and the shape of refusals.

use super::{Api, Check, Shared, events, problem, problem::Problem, usage};
use crate::metrics::Metrics;
use axum::{
    Router,
    body::Body,
    extract::State,
    http::{HeaderValue, Method, Request, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{MethodFilter, on},
};
use serde::Serialize;
use std::{collections::BTreeMap, sync::Arc, time::Instant};
use tokio_util::sync::CancellationToken;

/// What can be asked for. `/openapi.json` describes each, which a test holds it to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    Events,
    Usage,
    Health,
    Ready,
    Metrics,
    OpenApi,
}

impl Route {
    pub(super) const ALL: [Self; 6] = [
        Self::Events,
        Self::Usage,
        Self::Health,
        Self::Ready,
        Self::Metrics,
        Self::OpenApi,
    ];

    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Events => "/v1/events",
            Self::Usage => "/v1/accounts/{id}/usage",
            Self::Health => "/health",
            Self::Ready => "/ready",
            Self::Metrics => "/metrics",
            Self::OpenApi => "/openapi.json",
        }
    }

    pub(super) fn method(self) -> Method {
        match self {
            Self::Events => Method::POST,
            _ => Method::GET,
        }
    }
}

const METRICS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPEN_API: &str = include_str!("openapi.json");

/// What every request is answered from.
pub(super) struct Site {
    metrics: Arc<Metrics>,
    ready: Box<dyn Fn() -> Vec<Check> + Send + Sync>,
    /// Only with the API role.
    api: Option<Api>,
}

impl Site {
    /// Not ready any more once `stop` is asked for.
    pub(super) fn new(shared: Shared, api: Option<Api>, stop: CancellationToken) -> Arc<Self> {
        let log = api.as_ref().map(|api| Arc::clone(&api.log));
        let ready = move || {
            let mut checks = (shared.ready)();
            checks.extend(log.as_ref().map(|log| Check {
                name: "kafka",
                problem: log.reachable().err(),
            }));
            let stopping = stop.is_cancelled().then(|| "the process is stopping".to_owned());
            checks.push(Check {
                name: "running",
                problem: stopping,
            });
            checks
        };
        Arc::new(Self {
            metrics: shared.metrics,
            ready: Box::new(ready),
            api,
        })
    }

    async fn answer(&self, route: Route, request: Request<Body>) -> Response {
        let started = Instant::now();
        let answer = match (route, &self.api) {
            (Route::Events, Some(api)) => events::post(api, request).await,
            (Route::Usage, Some(api)) => usage::get(api, request).await,
            (Route::OpenApi, Some(_)) => Ok(text("application/json", OPEN_API.to_owned())),
            (Route::Events | Route::Usage | Route::OpenApi, None) => Err(Problem::NotFound),
            (Route::Health, _) => Ok(problem::json(
                StatusCode::OK,
                "application/json",
                &Health { status: "ok" },
            )),
            (Route::Ready, _) => Ok(ready(&(self.ready)())),
            (Route::Metrics, _) => Ok(text(METRICS_TEXT, self.metrics.render())),
        };
        let response = answer.unwrap_or_else(Problem::into_response);
        self.count(route.path(), response.status());
        let duration = self.metrics.http_request_duration_seconds.with(&[route.path()]);
        duration.observe(started.elapsed().as_secs_f64());
        response
    }

    fn refuse(&self, problem: Problem) -> Response {
        let response = problem.into_response();
        self.count("none", response.status());
        response
    }

    fn count(&self, route: &str, status: StatusCode) {
        self.metrics
            .http_requests_total
            .with(&[route, status.as_str()])
            .add(1);
    }
}

pub(super) fn router(site: Arc<Site>) -> Router {
    let mut router = Router::new();
    for route in Route::ALL {
        let filter = match route.method() == Method::POST {
            true => MethodFilter::POST,
            false => MethodFilter::GET,
        };
        let handler = async move |State(site): State<Arc<Site>>, request| site.answer(route, request).await;
        router = router.route(route.path(), on(filter, handler));
    }
    router
        .fallback(async |State(site): State<Arc<Site>>| site.refuse(Problem::NotFound))
        .method_not_allowed_fallback(async |State(site): State<Arc<Site>>| {
            site.refuse(Problem::MethodNotAllowed)
        })
        .with_state(site)
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
}

#[derive(Serialize)]
struct Readiness<'a> {
    ready: bool,
    checks: BTreeMap<&'static str, &'a str>,
}

fn ready(checks: &[Check]) -> Response {
    let ready = checks.iter().all(|check| check.problem.is_none());
    let status = match ready {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    let checks = checks
        .iter()
        .map(|check| (check.name, check.problem.as_deref().unwrap_or("ok")));
    let answer = Readiness {
        ready,
        checks: checks.collect(),
    };
    problem::json(status, "application/json", &answer)
}

fn text(content_type: &'static str, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
