/// The channels on which relays publish markers, to count what a server publishes.
package enum MarkerChannel {
    /// Of each name; a random part follows.
    package static let beginning = "backplane-relay:marker:"

    /// The channel rule of an ACL.
    package static let aclRule = "&\(beginning)*"
}
