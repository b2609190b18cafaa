use std::time::Duration;

use madang_api::Violations;
use madang_api::faults::v1::fault_service_server::FaultService;
use madang_api::faults::v1::{
    ClearFaultsRequest, ClearFaultsResponse, Fault, ListFaultsRequest, ListFaultsResponse, SetFaultRequest,
    SetFaultResponse,
};
use tonic::{Code, Request, Response, Status};

use super::{Faults, Harm, MAX_FAULTS, Order, TooMany};
use crate::server::methods;

const MAX_DELAY: Duration = Duration::from_secs(60);
const MAX_TTL: Duration = Duration::from_secs(60 * 60);

#[tonic::async_trait]
impl FaultService for Faults {
    async fn set_fault(
        &self,
        request: Request<SetFaultRequest>,
    ) -> Result<Response<SetFaultResponse>, Status> {
        let order = order(request.into_inner())?;
        let fault = self.set(order).map_err(|TooMany| {
            let message = format!("there are {MAX_FAULTS} faults; clear some or wait for their end");
            madang_api::error::status(Code::ResourceExhausted, "TOO_MANY_FAULTS", message)
        })?;
        tracing::warn!(fault.id = fault.fault_id, fault.method = fault.method, "a fault is set");
        Ok(Response::new(SetFaultResponse { fault: Some(fault) }))
    }

    async fn list_faults(
        &self,
        _: Request<ListFaultsRequest>,
    ) -> Result<Response<ListFaultsResponse>, Status> {
        Ok(Response::new(ListFaultsResponse { faults: self.list() }))
    }

    async fn clear_faults(
        &self,
        _: Request<ClearFaultsRequest>,
    ) -> Result<Response<ClearFaultsResponse>, Status> {
        let cleared = i32::try_from(self.clear()).unwrap_or(i32::MAX);
        Ok(Response::new(ClearFaultsResponse { cleared }))
    }
}

fn order(request: SetFaultRequest) -> Result<Order, Status> {
    let mut violations = Violations::default();
    let ttl = violations.required("ttl", request.ttl);
    let ttl = ttl.and_then(|ttl| violations.check("ttl", limited(ttl, MAX_TTL)));
    let fault = violations.required("fault", request.fault);
    let harm = fault.as_ref().map(|fault| harm(fault, &mut violations));
    let (fault, harm, ttl) = violations.all((fault, harm, ttl))?;
    Ok(Order { fault, harm, ttl })
}

fn harm(fault: &Fault, violations: &mut Violations) -> Harm {
    let mut require = |path: &str, holds: bool, rule: &str| {
        if !holds {
            violations.add(path, "INVALID_VALUE", rule);
        }
    };
    let id = fault.fault_id.chars().count();
    require("fault.fault_id", (1..=64).contains(&id), "must be 1 to 64 characters");
    require("fault.percent", (1..=100).contains(&fault.percent), "must be 1 to 100");
    require("fault.code", (0..=16).contains(&fault.code), "must be 0 to 16");
    // A fault of an RPC that is none would harm nothing, and an experiment would find all well.
    let rpc = fault.method.is_empty() || methods::is_known(&fault.method);
    require("fault.method", rpc, "must be empty or an RPC, as /package.Service/Method");
    let harms = fault.delay.is_some() || fault.code != 0 || fault.lose_answer;
    require("fault", harms, "needs a delay, a code or lose_answer");
    let contradicts = fault.code != 0 && fault.lose_answer;
    require("fault.lose_answer", !contradicts, "cannot go with a code, which lets no call through");
    let delay = fault.delay.map(|delay| violations.check("fault.delay", limited(delay, MAX_DELAY)));
    Harm {
        delay: delay.flatten().unwrap_or_default(),
        code: (fault.code != 0).then(|| Code::from_i32(fault.code)),
        lose_answer: fault.lose_answer,
    }
}

fn limited(duration: prost_types::Duration, limit: Duration) -> Result<Duration, String> {
    let given = Duration::try_from(duration).ok().filter(|given| !given.is_zero() && *given <= limit);
    given.ok_or_else(|| format!("must be above 0 and at most {} s", limit.as_secs()))
}
