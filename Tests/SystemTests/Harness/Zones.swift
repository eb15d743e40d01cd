/// Zone texts that several suites share.
enum Zones {
    static let small = """
        $TTL 3600
        @ IN SOA ns1.example.net. hostmaster.example.net. 1 3600 900 604800 300
        @ IN NS ns1.example.net.
        ns1.example.net. IN A 192.0.2.53
        www.example.net. IN A 192.0.2.1

        """
}
