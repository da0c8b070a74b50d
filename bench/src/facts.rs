//! What a table says of the machine that it was measured on.

use slipring_load::machine;

/// `kernel 6.18.5, the processor's name`.
pub(crate) fn kernel_and_cpu() -> String {
    format!("kernel {}, {}", or_unknown(machine::kernel()), or_unknown(machine::cpu_model()))
}

/// The system's congestion control, which is that of all who name none.
pub(crate) fn congestion_control() -> String {
    or_unknown(machine::congestion_control())
}

fn or_unknown(fact: Option<String>) -> String {
    fact.unwrap_or_else(|| "unknown".to_owned())
}
