//! How a request ends, and what each side's proxy says of it; the texts are those that real proxies logged.

/// How a request ends for its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(usize)]
pub enum Outcome {
    /// Answered.
    Ok,
    /// Answered by the application with an error of its own.
    ApplicationError,
    /// Refused by the caller's proxy: limits of its outbound cluster.
    Overflow,
    /// Refused by the server's proxy: limits of its inbound cluster.
    ServerOverflow,
    /// The server's proxy cannot connect to its application.
    ApplicationDown,
    /// The route's timeout.
    Timeout,
    /// The last try's timeout.
    TryTimeout,
    /// The calling application gave up.
    ClientGone,
    /// The cluster has no healthy endpoint.
    NoHealthyUpstream,
    /// No route takes the request.
    NoRoute,
    /// The route's cluster does not exist.
    NoCluster,
    /// Plain text to a proxy that takes mutual TLS only: it finds no filter chain and closes the connection.
    Plaintext,
    /// The caller does not trust who signed the server's certificate.
    Untrusted,
    /// The server's certificate has expired.
    Expired,
    /// The server refuses the caller's certificate: of TLS 1.3 the caller has seen the end by then.
    Rejected,
    /// The server speaks no TLS.
    NoTls,
    /// TLS that is not Istio's to a proxy that takes Istio's or plain text.
    NoFilterChain,
    /// The cluster of an HTTPRoute does not exist: the Gateway API demands 500.
    NoBackend,
    /// The caller's proxy does not know the host, and lets out only what it knows.
    Blocked,
    /// The server's proxy denies it: an AuthorizationPolicy.
    Denied,
}

/// The number of outcomes.
pub const OUTCOMES: usize = 20;

/// What a proxy reports of an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// HTTP status, 0 if none was sent.
    pub code: u16,
    /// `%RESPONSE_FLAGS%`, `-` for none.
    pub flags: &'static str,
    /// `%RESPONSE_CODE_DETAILS%`.
    pub details: &'static str,
    /// Bytes of the answer's body.
    pub bytes: u32,
}

impl Outcome {
    /// All outcomes, in the order of their numbers.
    pub const ALL: [Outcome; OUTCOMES] = [
        Outcome::Ok,
        Outcome::ApplicationError,
        Outcome::Overflow,
        Outcome::ServerOverflow,
        Outcome::ApplicationDown,
        Outcome::Timeout,
        Outcome::TryTimeout,
        Outcome::ClientGone,
        Outcome::NoHealthyUpstream,
        Outcome::NoRoute,
        Outcome::NoCluster,
        Outcome::Plaintext,
        Outcome::Untrusted,
        Outcome::Expired,
        Outcome::Rejected,
        Outcome::NoTls,
        Outcome::NoFilterChain,
        Outcome::NoBackend,
        Outcome::Blocked,
        Outcome::Denied,
    ];

    /// What the caller's proxy reports; `error_code` is the application's.
    pub fn at_caller(self, error_code: u16) -> Report {
        let report = |code, flags, details, bytes| Report { code, flags, details, bytes };
        match self {
            Outcome::Ok => report(200, "-", "via_upstream", 3),
            Outcome::ApplicationError => report(error_code, "-", "via_upstream", 21),
            Outcome::Overflow => report(503, "UO", "upstream_reset_before_response_started{overflow}", 81),
            Outcome::ServerOverflow => report(503, "-", "via_upstream", 81),
            Outcome::ApplicationDown => report(503, "-", "via_upstream", 121),
            Outcome::Timeout => report(504, "UT", "response_timeout", 24),
            Outcome::TryTimeout => report(504, "URX,UT", "upstream_per_try_timeout", 24),
            Outcome::ClientGone => report(0, "DC", "downstream_remote_disconnect", 0),
            Outcome::NoHealthyUpstream => report(503, "UH", "no_healthy_upstream", 19),
            Outcome::NoRoute => report(404, "NR", "route_not_found", 0),
            Outcome::NoCluster => report(503, "NC", "cluster_not_found", 0),
            Outcome::NoBackend => report(500, "NC", "cluster_not_found", 0),
            Outcome::Blocked => report(502, "-", "direct_response", 0),
            Outcome::Denied => report(403, "-", "via_upstream", 19),
            Outcome::Plaintext | Outcome::Rejected => {
                report(503, "UC", "upstream_reset_before_response_started{connection_termination}", 95)
            }
            Outcome::Untrusted => report(
                503,
                "URX,UF",
                "upstream_reset_before_response_started{remote_connection_failure|TLS_error:|268435581:SSL_routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED:verify_cert_failed:_X509_verify_cert:_certificate_verification_error_at_depth_1:_self_signed_certificate_in_certificate_chain:TLS_error_end}",
                121,
            ),
            Outcome::Expired => report(
                503,
                "URX,UF",
                "upstream_reset_before_response_started{remote_connection_failure|TLS_error:|268435581:SSL_routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED:verify_cert_failed:_X509_verify_cert:_certificate_verification_error_at_depth_0:_certificate_has_expired:TLS_error_end}",
                121,
            ),
            Outcome::NoTls => report(
                503,
                "URX,UF",
                "upstream_reset_before_response_started{remote_connection_failure|TLS_error:|268435703:SSL_routines:OPENSSL_internal:WRONG_VERSION_NUMBER:TLS_error_end}",
                121,
            ),
            Outcome::NoFilterChain => report(
                503,
                "URX,UF",
                "upstream_reset_before_response_started{remote_connection_failure|TLS_error:|33554536:system_library:OPENSSL_internal:Connection_reset_by_peer:TLS_error_end}",
                121,
            ),
        }
    }

    /// `%UPSTREAM_TRANSPORT_FAILURE_REASON%` on the caller's side, `-` for none.
    pub fn transport_failure(self) -> &'static str {
        self.at_caller(503).details.split_once('|').map_or("-", |(_, reason)| reason.trim_end_matches('}'))
    }

    /// Whether the connection could not be opened, which is what `connect-failure` retries.
    pub fn is_connect_failure(self) -> bool {
        matches!(self, Outcome::Untrusted | Outcome::Expired | Outcome::NoTls | Outcome::NoFilterChain)
    }

    /// Whether the two sides disagreed about TLS: no request came to the server.
    pub fn is_handshake(self) -> bool {
        self.is_connect_failure() || matches!(self, Outcome::Plaintext | Outcome::Rejected)
    }

    /// Whether the server's proxy logs the connection as one for which it has no filter chain.
    pub fn finds_no_filter_chain(self) -> bool {
        matches!(self, Outcome::Plaintext | Outcome::NoFilterChain)
    }

    /// What the server's proxy reports; `None` if the request never came there.
    pub fn at_server(self, error_code: u16) -> Option<Report> {
        let report = |code, flags, details, bytes| Some(Report { code, flags, details, bytes });
        match self {
            Outcome::Ok | Outcome::ApplicationError => Some(self.at_caller(error_code)),
            Outcome::ServerOverflow => report(503, "UO", "upstream_reset_before_response_started{overflow}", 81),
            Outcome::Denied => report(403, "-", "rbac_access_denied_matched_policy[none]", 19),
            Outcome::ApplicationDown => report(
                503,
                "URX,UF",
                "upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_Connection_refused}",
                121,
            ),
            Outcome::Timeout | Outcome::TryTimeout | Outcome::ClientGone => {
                report(0, "DC", "downstream_remote_disconnect", 0)
            }
            Outcome::Overflow | Outcome::NoHealthyUpstream | Outcome::NoRoute | Outcome::NoCluster => None,
            Outcome::Plaintext
            | Outcome::Untrusted
            | Outcome::Expired
            | Outcome::Rejected
            | Outcome::NoTls
            | Outcome::NoFilterChain
            | Outcome::NoBackend
            | Outcome::Blocked => None,
        }
    }

    /// Whether an upstream host was chosen for the request.
    pub fn has_host(self) -> bool {
        let came_nowhere =
            matches!(self, Outcome::NoRoute | Outcome::NoCluster | Outcome::NoBackend | Outcome::Blocked);
        !came_nowhere && self != Outcome::NoHealthyUpstream
    }
}
