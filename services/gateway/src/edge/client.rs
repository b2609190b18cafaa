//! Who sends a request.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::{HeaderMap, Request};
use tonic::transport::server::TcpConnectInfo;

/// A client, as far as it can be told from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Client {
    /// An IPv4 address, or the network of an IPv6 one: a single host owns 64 bits of those.
    Address(IpAddr),
    /// All that cannot be told apart: they share one rate.
    Unknown,
}

/// The connection's peer where nothing is in front of us; otherwise the entry of X-Forwarded-For that the outermost trusted
/// proxy wrote. Entries left of it are the client's own claims. Where it is missing, the request did not come by the
/// proxies, and its peer is no client's address.
pub(super) fn of<B>(request: &Request<B>, trusted_hops: u8) -> Client {
    let address = match trusted_hops {
        0 => request
            .extensions()
            .get::<TcpConnectInfo>()
            .and_then(|peer| peer.remote_addr)
            .map(|peer| peer.ip()),
        hops => forwarded(request.headers(), usize::from(hops)),
    };
    address.map_or(Client::Unknown, |address| Client::Address(network(address)))
}

fn forwarded(headers: &HeaderMap, hops: usize) -> Option<IpAddr> {
    let entries = headers.get_all("x-forwarded-for").into_iter().rev();
    let mut entries = entries.flat_map(|line| line.to_str().unwrap_or_default().rsplit(','));
    let entry = entries.nth(hops - 1)?.trim();
    let with_port = || entry.parse::<SocketAddr>().map(|address| address.ip());
    entry.parse().or_else(|_| with_port()).ok()
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn request(forwarded: &[&str]) -> Request<Body> {
        let lines = forwarded.iter();
        let builder =
            lines.fold(Request::builder(), |builder, line| builder.header("x-forwarded-for", *line));
        let mut request = builder.body(Body::empty()).unwrap();
        let peer = TcpConnectInfo { local_addr: None, remote_addr: Some(([10, 0, 0, 1], 4000).into()) };
        request.extensions_mut().insert(peer);
        request
    }

    fn address(text: &str) -> Client {
        Client::Address(text.parse().unwrap())
    }

    #[test]
    fn without_a_proxy_the_client_is_the_peer_whatever_it_claims() {
        assert_eq!(of(&request(&["1.1.1.1"]), 0), address("10.0.0.1"));
        assert_eq!(of(&Request::new(Body::empty()), 0), Client::Unknown);
    }

    #[test]
    fn behind_proxies_the_client_is_what_the_outermost_of_them_saw() {
        let claims = request(&["9.9.9.9, 1.1.1.1", "2.2.2.2"]);
        assert_eq!(of(&claims, 1), address("2.2.2.2"));
        assert_eq!(of(&claims, 2), address("1.1.1.1"));
        assert_eq!(of(&claims, 3), address("9.9.9.9"));
        assert_eq!(of(&claims, 4), Client::Unknown);
    }

    #[test]
    fn a_proxys_own_address_is_never_the_client() {
        assert_eq!(of(&request(&[]), 1), Client::Unknown);
        assert_eq!(of(&request(&["what?"]), 1), Client::Unknown);
    }

    #[test]
    fn addresses_are_read_in_all_their_forms() {
        assert_eq!(of(&request(&["1.1.1.1:5000"]), 1), address("1.1.1.1"));
        assert_eq!(of(&request(&["::ffff:1.1.1.1"]), 1), address("1.1.1.1"));
        assert_eq!(of(&request(&["[2001:db8::7]:443"]), 1), address("2001:db8::"));
        assert_eq!(of(&request(&["2001:db8::1:2:3:4"]), 1), address("2001:db8::"));
    }
}
