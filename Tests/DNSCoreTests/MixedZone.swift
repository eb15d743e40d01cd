/// One record of every type in presentation format, and the odd cases of each: what the readers of the field
/// are compared on.
///
/// Example values from the RFCs that define the types.
enum MixedZone {
    static let head = ##"""
        $ORIGIN example.net.
        $TTL 3600
        @ IN SOA ns1 host\.master 2024010101 7200 3600 1209600 300

        """##

    /// Records that `named-compilezone` 9.18 reads too.
    static let common = ##"""
        @ NS ns1
        @ NS ns2.example.org.
        ns1 A 192.0.2.1
        ns1 AAAA 2001:db8::1
        ns1 AAAA ::ffff:192.0.2.1
        ns1 AAAA 2001:db8:0:0:1:0:0:1
        ns1 AAAA 1:0:2:0:3:0:4:0
        ns1 AAAA ::
        ns1 AAAA ::1
        ns1 AAAA 1::
        a A 192.0.2.2
        c CNAME a
        p PTR a
        mx MX 10 a
        mx MX 20 @
        txt TXT "a b" c "d\"e\\f;g" "\000\255" "" "(x)"
        long TXT "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789abcde"
        spf SPF "v=spf1 -all"
        _sip._tcp SRV 1 2 5060 a
        dn DNAME example.org.
        hinfo HINFO "PC x" Linux
        minfo MINFO a b
        rp RP mbox.a txt.a
        afsdb AFSDB 1 a
        x25 X25 "311061700956"
        isdn ISDN "150862028003217" "004"
        isdn2 ISDN 150862028003217
        rt RT 2 a
        nsap NSAP 0x47.0005.80.005a00.0000.0001.e133.ffffff000161.00
        nsapptr NSAP-PTR a
        px PX 10 net2.it. prmd-net2.adm.it.
        gpos GPOS -22.6882 116.8652 250.0
        loc LOC 42 21 54 N 71 6 18 W -24m 30m
        loc2 LOC 52 14 05.123 S 00 08 50.5 E 10.50m 1m 10000m 10m
        loc3 LOC 0 0 0 N 0 0 0 E 0m
        naptr NAPTR 100 50 "s" "http+I2L+I2C+I2R" "" _http._tcp
        naptr2 NAPTR 100 10 u sip+E2U "!^.*$!sip:info@example.com!i" .
        kx KX 10 a
        cert CERT 3 12345 8 AQIDBAUG
        cert2 CERT PGP 0 0 AQIDBAUG
        apl APL 1:192.0.2.0/24 !2:2001:db8::/32 1:0.0.0.0/0 1:224.0.0.0/4
        aplempty APL
        ds DS 60485 5 1 2BB183AF5F22588179A53B0A98631FAD1A292118
        ds2 DS 12345 RSASHA256 2 ( 49FD46E6C4B45C55D4AC49FD46E6C4B45C55D4AC
           49FD46E6C4B45C55D4AC69CB )
        sshfp SSHFP 2 1 123456789abcdef67890123456789abcdef67890
        ipseckey IPSECKEY 10 1 2 192.0.2.38 AQNRU3mG7TVTO2BkR47usntb102uFJtugbo6BSGvgqt4AQ==
        ipseckey0 IPSECKEY 10 0 2 . AQNRU3mG7TVTO2BkR47usntb102uFJtugbo6BSGvgqt4AQ==
        ipseckey3 IPSECKEY 10 3 2 mygateway AQNRU3mG7TVTO2BkR47usntb102uFJtugbo6BSGvgqt4AQ==
        ipseckey2 IPSECKEY 10 2 2 2001:db8:0:8002::2000:1 AQNRU3mG7TVTO2BkR47usntb102uFJtugbo6BSGvgqt4AQ==
        rrsig RRSIG NSEC 8 2 3600 20240201000000 20240101000000 12345 @ AQIDBAUGBwg=
        rrsig2 RRSIG TYPE999 13 2 3600 20380119031408 19700101000001 1 example.net. AQIDBAUGBwg=
        nsec NSEC a.b A MX RRSIG NSEC TYPE1234 TYPE65280 CAA
        dnskey DNSKEY 257 3 8 AwEAAcw5QLr0IjC0wKbGoBPQv4qmeqHy9mvL5qGQTuaG5TSrNqEAR6b/
        cdnskey CDNSKEY 0 3 0 AA==
        cds CDS 0 0 0 00
        key KEY 256 3 13 AQIDBA==
        dhcid DHCID AAIBY2/AuCccgoJbsaxcQc9TUapptP69lOjxfNuVAA2kjEA=
        0p9mhaveqvm6t7vbl5lop2u3t2rp3tom NSEC3 1 1 12 aabbccdd 2T7B4G4VSA5SMI47K61MV5BV1A22BOJR MX DNSKEY NS SOA NSEC3PARAM RRSIG
        1p9mhaveqvm6t7vbl5lop2u3t2rp3tom NSEC3 1 0 0 - 2vptu5timamqttgl4luu9kg21e0aor3s
        @ NSEC3PARAM 1 0 12 aabbccdd
        np NSEC3PARAM 1 0 0 -
        _443._tcp.tlsa TLSA 3 1 1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
        smimea SMIMEA 3 0 0 abcdef0123
        hip HIP 2 200100107B1A74DF365639CC39F1D578 AwEAAbdxyhNuSutc5EMzxTs9LBPCIkOFH8cIvM4p9+LrV4e19WzK00+CI6zBCQTdtWsuxKbWIy87UOoJTwkUs7lBu+Upr1gsNrut79ryra+bSRGQb1slImA8YVJyuIDsj7kwzG7jnERNqnWxZ48AWkskmdHaVDP4BcelrTI3rMXdXF5D rvs1.example.com. rvs2
        talink TALINK a b
        openpgp OPENPGPKEY AQIDBAUGBwg=
        csync CSYNC 66 3 A NS AAAA
        svcb SVCB 1 foo.example.com. port=53 alpn=h2,h3 ipv4hint=192.0.2.1,192.0.2.2 ipv6hint=2001:db8::1 mandatory=alpn,port
        svcb2 SVCB 16 foo.example.org. alpn="f\\\\oo\\,bar,h2" mandatory=alpn
        svcb0 SVCB 0 foo
        https HTTPS 1 . alpn="h2" no-default-alpn ech=AEn+DQBFKwAgACABWIHUGj4u
        https2 HTTPS 1 . key667="hello\210qoo" 
        https3 HTTPS 1 . key667=hello
        https4 HTTPS 2 . dohpath="/dns-query{?dns}" alpn=h2
        https5 HTTPS 3 . key668
        eui48 EUI48 00-00-5e-00-53-2a
        eui64 EUI64 00-00-5e-ef-10-00-00-2a
        nid NID 10 0014:4fff:ff20:ee64
        l32 L32 10 10.1.2.0
        l64 L64 10 2001:0DB8:1140:1000
        lp LP 10 a
        uri URI 10 1 "ftp://ftp1.example.com/public;x\"y"
        caa CAA 0 issue "ca.example.net; policy=ev"
        caa2 CAA 128 TBS "Unknown"
        avc AVC "app-name:WOLFGANG|app-class:OAM"
        ta TA 12345 8 2 49FD46E6C4B45C55D4AC49FD46E6C4B45C55D4AC49FD46E6C4B45C55D4AC69CB
        generic TYPE65534 \# 4 0a000001
        generic2 TYPE731 \# 0
        genericA A \# 4 0a000001
        genericMX TYPE15 \# 3 000a 00
        \@esc A 192.0.2.9
        \$esc A 192.0.2.9
        a\.b\032c\"d\;e\(f\)g\\h\000i\255 A 192.0.2.9
        *.wild A 192.0.2.9
        \042.star A 192.0.2.9
        UPPER.Case CNAME Target.Example.NET.

        """##

    /// Owner labels of the records in ``common`` that ldns 1.8.3 refuses or reads wrongly.
    static let unknownToLdns: Set<String> = [
        "avc", "nsapptr", "gpos", "hip", "talink", "ta", "caa2", "generic", "generic2", "genericA",
        "genericMX",
        "ipseckey3",
    ]

    /// Records of types that only some readers know.
    static let rare = ##"""
        caa CAA 0 issue ca.example.net
        zonemd ZONEMD 2018031500 1 1 FEBE3D4CE2EC2FFA4BA99D46CD69D6D29711E55217057BEE7EB1A7B641A47BA7FED2DD5B97AE499FAFA4F22C6BD647DE
        amt AMTRELAY 10 0 0 .
        amt1 AMTRELAY 10 0 1 203.0.113.15
        amt2 AMTRELAY 128 1 2 2001:db8::15
        amt3 AMTRELAY 128 1 3 amtrelays.example.com.
        resinfo RESINFO qnamemin exterr=15-17 infourl="https://resolver.example.com/guide"
        wallet WALLET ETH 0x1234
        dsync DSYNC CDS NOTIFY 5359 cds-scanner
        dsync2 DSYNC CSYNC 128 5359 csync-scanner
        hhit HHIT gwppM2ZmOCAGAA==
        brid BRID gwppM2ZmOCAGAA==
        cla CLA "TCP-v4-v6" "x"
        ipn IPN 12345678901234567890
        doa DOA 1234567890 1234567890 1 "image/gif" R0lGODlhKAAZAOMCAGZmZgBmmf///zOZzMz//5nM/zNmmWbM/5nMzMzMzACZ/////////////////////yH5BAEKAA8ALAAAAAAoABkAAATH8IFJK5U2a4337F5ogRkpnoCJrly7PrCKyh8c3HgAhzT35MDbbtO7/IJIHbGiOiaTxVTpSVWWLqNq1UVyapNS1wd3OAxug0LhnCubcVhsxysQnOt4ATpvvzHlFzl1AwODhWeFAgRpen5/UhheAYMFdUB4SFcpGEGGdQeCAqBBLTuSk30EeXd9pEsAbKGxjHqDSE0Sp6ixN4N1BJmbc7lIhmsBich1awPAjkY1SZR8bJWrz382SGqIBQQFQd4IsUTaX+ceuudPEQA7
        doa2 DOA 0 1 2 "" -
        a6 A6 64 ::1:2:3:4 pre.example.net.
        a60 A6 0 2001:db8::1
        atma ATMA 47.0005.80.ffe1000000f215.0ac5.0020480d49c3.00
        atma1 ATMA +61200001234
        wks WKS 192.0.2.1 6 25 80
        nxt NXT a A MX SIG NXT
        eid EID e32c6f78163a9348
        nimloc NIMLOC 32251a030067
        sink SINK 1 0 0 AQID
        ninfo NINFO "x" "y"
        rkey RKEY 0 255 8 AQIDBA==
        sig SIG A 8 2 3600 20240201000000 20240101000000 12345 @ AQIDBAUGBwg=
        md MD a
        mf MF a
        mb MB a
        mg MG a
        mr MR a
        dlv DLV 12345 8 2 49FD46E6C4B45C55D4AC49FD46E6C4B45C55D4AC49FD46E6C4B45C55D4AC69CB
        null NULL \# 3 010203
        uinfo UINFO \# 1 00
        svcb SVCB 1 . ohttp alpn=h2 tls-supported-groups=29,23 dohpath=/q{?dns}

        """##
}
