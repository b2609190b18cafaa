//! One order is one trace: every hop of it, the asynchronous ones too, by a real OTLP receiver.

mod collector;
mod orders;
