use anyhow::Result;
use madang_api::orders::v1::Order;
use serde_json::{Value, json};

use crate::cluster::target::Cluster;
use crate::order::show::state_name;
use crate::output::{FAINT, GOOD, Output, styled};

/// Where all is, and how to ask for it.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    api: String,
    grpc: String,
    console: String,
    jaeger: String,
    /// What must run beside, where the addresses need it.
    beside: Vec<String>,
}

/// Tells where all is, with three commands to try.
pub(super) fn tell(cluster: &Cluster, is_kind: bool, order: &Order, output: &Output) -> Result<()> {
    let told = Told::new(is_kind, cluster.context.as_deref().unwrap_or_default(), &cluster.namespace);
    match output.is_json() {
        true => output.json(&told.value(order))?,
        false => output.text(&told.text(order))?,
    }
    Ok(())
}

impl Told {
    fn new(is_kind: bool, context: &str, namespace: &str) -> Self {
        let forward = format!("madang cluster forward --context {context} --namespace {namespace}");
        let jaeger = format!(
            "kubectl --context {context} --namespace observability port-forward service/jaeger 16686"
        );
        let edge = format!(
            "kubectl --context {context} --namespace {namespace} port-forward service/edge-istio 9090"
        );
        let beside = if is_kind { vec![forward] } else { vec![forward, edge, jaeger] };
        Self {
            api: "http://localhost:8080/api/products".to_owned(),
            grpc: "localhost:9090".to_owned(),
            console: "http://localhost:8081".to_owned(),
            jaeger: "http://localhost:16686".to_owned(),
            beside,
        }
    }

    fn commands(&self, order_id: &str) -> [String; 3] {
        let grpc = &self.grpc;
        [
            format!("grpcurl -plaintext {grpc} list"),
            format!(
                "grpcurl -plaintext -d '{{\"query\": \"cup\"}}' {grpc} madang.catalog.v1.CatalogService/SearchProducts"
            ),
            format!(
                "grpcurl -plaintext -d '{{\"order_id\": \"{order_id}\"}}' {grpc} madang.orders.v1.OrdersService/GetOrder"
            ),
        ]
    }

    fn text(&self, order: &Order) -> String {
        let state = state_name(order.state());
        let mut text = styled(GOOD, &format!("order {} is {state}", order.order_id));
        text += &format!("\n\nAPI      {}\nconsole  {}\nJaeger   {}\n", self.api, self.console, self.jaeger);
        text += &styled(FAINT, "\nRun beside, in another terminal:\n");
        let beside = self.beside.iter().map(|line| format!("  {line}\n"));
        let title = styled(FAINT, "\nThen try:\n");
        let commands = self.commands(&order.order_id).map(|line| format!("  {line}\n"));
        text += &beside.chain([title]).chain(commands).collect::<String>();
        text
    }

    fn value(&self, order: &Order) -> Value {
        json!({
            "order_id": order.order_id,
            "state": state_name(order.state()),
            "api": self.api,
            "grpc": self.grpc,
            "console": self.console,
            "jaeger": self.jaeger,
            "run_beside": self.beside,
            "commands": self.commands(&order.order_id),
        })
    }
}

#[cfg(test)]
mod tests {
    use madang_api::orders::v1::OrderState;

    use super::*;

    #[test]
    fn addresses_and_three_commands_are_told() {
        let order = Order { order_id: "7".into(), state: OrderState::Confirmed.into(), ..Order::default() };
        let told = Told::new(true, "kind-madang", "madang");
        let text = anstream::adapter::strip_str(&told.text(&order)).to_string();
        assert!(
            text.starts_with("order 7 is CONFIRMED\n\nAPI      http://localhost:8080/api/products\n"),
            "{text}"
        );
        assert_eq!(text.lines().filter(|line| line.starts_with("  grpcurl")).count(), 3);
        assert!(
            text.contains("  madang cluster forward --context kind-madang --namespace madang\n"),
            "{text}"
        );
        assert_eq!(told.value(&order)["commands"].as_array().unwrap().len(), 3);
    }

    #[test]
    fn what_is_not_on_this_machine_is_forwarded() {
        let told = Told::new(false, "staging", "shop");
        assert!(
            told.beside
                .iter()
                .any(|line| line.contains("--namespace shop port-forward service/edge-istio 9090"))
        );
    }
}
