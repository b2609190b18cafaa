use crate::OpenError;

/// What a URL says of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// There is none.
    Disable,
    /// There is, and it is checked.
    Verify,
}

/// A URL without its `sslmode`, which the client does not know in full.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Url {
    pub(super) url: String,
    pub(super) mode: Option<Mode>,
}

impl Url {
    /// Takes the mode out. The reason why it is refused never repeats a part of the URL.
    pub(super) fn read(url: &str) -> Result<Self, OpenError> {
        // A password may hold what begins the parameters elsewhere.
        let login = url.find('@').unwrap_or_default();
        let Some(begin) = url[login..].find('?').map(|at| login + at) else {
            return Ok(Self { url: url.into(), mode: None });
        };
        let (head, parameters) = (&url[..begin], &url[begin + 1..]);
        let mut rest = Vec::new();
        let mut mode = None;
        for parameter in parameters.split('&') {
            let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            match key {
                "sslmode" => mode = Some(Mode::read(value)?),
                "sslrootcert" => {
                    let reason = "sslrootcert: the authority's file is named by --database-ca; \
                                  without it the system's authorities count";
                    return Err(OpenError::Url { reason });
                }
                // In other letters it would reach the client, which has another meaning for it.
                key if key.contains('%') => {
                    return Err(OpenError::Url { reason: "a parameter's name is not percent-encoded" });
                }
                _ => rest.push(parameter),
            }
        }
        let mark = if rest.is_empty() { "" } else { "?" };
        Ok(Self { url: format!("{head}{mark}{}", rest.join("&")), mode })
    }
}

impl Mode {
    /// As libpq calls them. What may end in a connection that nobody has checked is refused; `require` is checked, which libpq
    /// would not do.
    fn read(value: &str) -> Result<Self, OpenError> {
        let bad = |reason| Err(OpenError::Url { reason });
        match value {
            "disable" => Ok(Self::Disable),
            "require" | "verify-full" => Ok(Self::Verify),
            "allow" | "prefer" => {
                bad("sslmode: allow and prefer may end without TLS, and nobody would know; \
                                       write disable, require or verify-full")
            }
            "verify-ca" => bad("sslmode: verify-ca would take the certificate of another host; \
                                write verify-full"),
            _ => bad("sslmode is disable, require or verify-full"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mode_is_taken_out_and_the_rest_stays() {
        for (url, rest, mode) in [
            ("postgres://u@h/n", "postgres://u@h/n", None),
            ("postgres://u@h/n?sslmode=disable", "postgres://u@h/n", Some(Mode::Disable)),
            ("postgres://u@h/n?sslmode=verify-full&a=b", "postgres://u@h/n?a=b", Some(Mode::Verify)),
            ("postgres://u@h/n?a=b&sslmode=require&c=d", "postgres://u@h/n?a=b&c=d", Some(Mode::Verify)),
            ("postgres://u@h/n?sslmode=disable&sslmode=require", "postgres://u@h/n", Some(Mode::Verify)),
            ("postgres://u:?sslmode=disable@h/n?a=b", "postgres://u:?sslmode=disable@h/n?a=b", None),
        ] {
            assert_eq!(Url::read(url).unwrap(), Url { url: rest.into(), mode }, "{url}");
        }
    }

    #[test]
    fn what_may_end_unchecked_is_refused_with_the_way_out() {
        for (parameter, says) in [
            ("sslmode=prefer", "write disable, require or verify-full"),
            ("sslmode=allow", "write disable, require or verify-full"),
            ("sslmode=verify-ca", "write verify-full"),
            ("sslmode=secret", "sslmode is disable, require or verify-full"),
            ("sslmode", "sslmode is disable, require or verify-full"),
            ("ssl%6dode=require", "percent-encoded"),
            ("sslrootcert=/secret", "--database-ca"),
        ] {
            let error = Url::read(&format!("postgres://u:secret@h/n?{parameter}")).unwrap_err().to_string();
            assert!(error.contains(says) && !error.contains("secret"), "{parameter}: {error}");
        }
    }
}
