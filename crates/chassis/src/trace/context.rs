use std::fmt;

use http::{HeaderMap, HeaderName};
use madang_types::Ids;

/// The flag of a trace that is recorded.
pub(super) const SAMPLED: u8 = 1;

pub(super) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Where in which trace we are, as W3C Trace Context has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TraceContext {
    pub(crate) trace: u128,
    pub(crate) span: u64,
    pub(crate) flags: u8,
}

impl TraceContext {
    /// Reads a traceparent; none where it is malformed, as the standard says.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let lengths = [version.len(), trace.len(), span.len(), flags.len()];
        let lower_hex = |part: &str| part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let later_version = version != "00";
        if lengths != [2, 32, 16, 2]
            || version == "ff"
            || (!later_version && parts.next().is_some())
            || ![version, trace, span, flags].into_iter().all(lower_hex)
        {
            return None;
        }
        let context = Self {
            trace: u128::from_str_radix(trace, 16).ok()?,
            span: u64::from_str_radix(span, 16).ok()?,
            flags: u8::from_str_radix(flags, 16).ok()?,
        };
        (context.trace != 0 && context.span != 0).then_some(context)
    }

    /// Whether the trace is recorded by whom named this place.
    pub(crate) fn is_recorded(&self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// A new trace, where no exporter runs. It says "not sampled", which those who are called go by: a trace without its root
    /// is of little use.
    pub(super) fn root(ids: &dyn Ids) -> Self {
        let id = ids.uuid();
        Self { trace: id.as_u128(), span: id.as_u64_pair().1, flags: 0 }
    }

    /// The place that a caller names. One that is malformed counts as none, and is told once.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let given = headers.get(TRACEPARENT)?;
        let read = given.to_str().ok().and_then(Self::parse);
        if read.is_none() {
            super::warn_once!("a caller's traceparent is malformed: it is ignored, here and from now on");
        }
        read
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace, self.span, self.flags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIVEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_traceparent_is_read_and_written() {
        assert_eq!(TraceContext::parse(GIVEN).unwrap().to_string(), GIVEN);
        let later = GIVEN.replacen("00", "cc", 1) + "-what-comes";
        assert!(TraceContext::parse(&later).is_some());
    }

    #[test]
    fn a_malformed_traceparent_is_none() {
        let upper = GIVEN.to_uppercase();
        let longer = format!("{GIVEN}-01");
        let no_trace = "00-00000000000000000000000000000000-00f067aa0ba902b7-01";
        let no_span = "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01";
        for bad in ["", "00", &upper, &longer, no_trace, no_span, &GIVEN.replacen("00", "ff", 1)] {
            assert_eq!(TraceContext::parse(bad), None, "{bad}");
        }
    }
}
