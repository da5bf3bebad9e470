// The JSON schema: the file in Config is what the code writes, and it judges as the parser does.

import Configuration
import Foundation
import Testing

/// A document in JSON, which is YAML too, and what both judges must say.
struct Verdict: Sendable, CustomTestStringConvertible {
  var document: String
  var isValid: Bool

  var testDescription: String { "\(isValid ? "valid" : "invalid"): \(document)" }

  static let all: [Verdict] =
    valid.map { .init(document: $0, isValid: true) }
    + invalid.map { .init(document: $0, isValid: false) }

  static let valid = [
    #"{}"#,
    #"{"repository":"/a"}"#,
    #"{"databases":{},"media":{},"backup":{},"drill":{},"schedule":{},"log":{}}"#,
    #"{"key":{"passphrase-file":"/p"}}"#,
    #"{"key":{"passphrase-command":["pass","show","x y"]}}"#,
    #"{"key":{"systemd-credential":"a.b_c-1"}}"#,
    #"{"key":{"file-descriptor":0}}"#,
    #"{"key":{"file-descriptor":1023}}"#,
    #"{"key":{"recovery-key-file":"/r"}}"#,
    #"{"key":{"key-file":"/k"}}"#,
    #"{"databases":{"a":{"connection":"postgresql:///a"}}}"#,
    #"{"databases":{"a":{"connection":"postgres://h/a"},"b":{"connection":"service=b"}}}"#,
    #"{"databases":{"a":{"connection":"dbname=a","exclude-tables":["t","s.t","\"a.b\".\"c\"\"d\""]}}}"#,
    #"{"databases":{"a":{"connection":"dbname=a","file-references":["t.c","s.t.c"]}},"media":{"m":{"path":"/"}}}"#,
    #"{"databases":{"a":{"connection":"dbname=a","media":"m"}},"media":{"m":{"path":"/x"}}}"#,
    #"{"media":{"A-Z_0.9":{"path":"/a b/é","exclude":["*.tmp","!keep"],"one-file-system":false}}}"#,
    #"{"backup":{"connections":64,"tags":["a","b:c/d@e+f"],"lock-timeout":"1w2d3h4m5s"}}"#,
    #"{"retention":{"keep-last":1}}"#,
    #"{"retention":{"keep-hourly":100000,"keep-yearly":3,"keep-within":"48h","keep-tags":["x"]}}"#,
    #"{"drill":{"scratch":"private","rpo":"26h","rto":"999999w"}}"#,
    #"{"drill":{"scratch":"postgresql://h/x"}}"#,
    #"{"schedule":{"check":{"cron":"@daily","read-data":true},"drill":{"cron":" 1 2\t3 4 5 "}}}"#,
    #"{"retention":{"keep-daily":7},"schedule":{"forget":{"cron":"0 0 * * sun","prune":true,"jitter":"0s","catch-up":false}}}"#,
    #"{"time-zone":"local"}"#,
    #"{"time-zone":"UTC"}"#,
    #"{"time-zone":"America/Argentina/Buenos_Aires"}"#,
    #"{"log":{"format":"json","level":"debug"}}"#,
  ]

  static let invalid = [
    #"null"#, #"[]"#, #""text""#, #"7"#,
    #"{"repositry":"/a"}"#,
    #"{"repository":"/"}"#,
    #"{"repository":"a"}"#,
    #"{"repository":"s3://b"}"#,
    #"{"repository":7}"#,
    #"{"repository":null}"#,
    #"{"repository":""}"#,
    #"{"key":{}}"#,
    #"{"key":"secret"}"#,
    #"{"key":{"passphrase":"secret"}}"#,
    #"{"key":{"passphrase-file":"p"}}"#,
    #"{"key":{"passphrase-file":"/p","file-descriptor":3}}"#,
    #"{"key":{"passphrase-command":"pass"}}"#,
    #"{"key":{"passphrase-command":[]}}"#,
    #"{"key":{"passphrase-command":[""]}}"#,
    #"{"key":{"systemd-credential":"a/b"}}"#,
    #"{"key":{"systemd-credential":"a\n"}}"#,
    #"{"key":{"file-descriptor":-1}}"#,
    #"{"key":{"file-descriptor":1024}}"#,
    #"{"key":{"file-descriptor":"3"}}"#,
    #"{"databases":[]}"#,
    #"{"databases":{"a":{}}}"#,
    #"{"databases":{"a b":{"connection":"dbname=a"}}}"#,
    #"{"databases":{"":{"connection":"dbname=a"}}}"#,
    #"{"databases":{"a":{"connection":"a"}}}"#,
    #"{"databases":{"a":{"connection":"http://a"}}}"#,
    #"{"databases":{"a":{"connection":"dbname=a","password":"x"}}}"#,
    #"{"databases":{"a":{"connection":"dbname=a","file-references":"t.c"}},"media":{"m":{"path":"/"}}}"#,
    #"{"databases":{"a":{"connection":"dbname=a","file-references":["c"]}},"media":{"m":{"path":"/"}}}"#,
    #"{"databases":{"a":{"connection":"dbname=a","file-references":["a.b.c.d"]}},"media":{"m":{"path":"/"}}}"#,
    #"{"databases":{"a":{"connection":"dbname=a","exclude-tables":["a..b"]}}}"#,
    #"{"databases":{"a":{"connection":"dbname=a","exclude-tables":["\"a"]}}}"#,
    #"{"media":{"m":{}}}"#,
    #"{"media":{"m":{"path":"x"}}}"#,
    #"{"media":{"m":{"path":"/x\u0000y"}}}"#,
    #"{"media":{"m":{"path":"/x","exclude":"*.tmp"}}}"#,
    #"{"media":{"m":{"path":"/x","exclude":[""]}}}"#,
    #"{"media":{"m":{"path":"/x","exclude":["a\nb"]}}}"#,
    #"{"media":{"m":{"path":"/x","exclude":["a\r\nb"]}}}"#,
    #"{"media":{"m":{"path":"/x","one-file-system":"true"}}}"#,
    #"{"media":{"m":{"path":"/x","one-file-system":1}}}"#,
    #"{"media":{"0123456789012345678901234567890123456789012345678901234567890123x":{"path":"/x"}}}"#,
    #"{"backup":{"connections":0}}"#,
    #"{"backup":{"connections":65}}"#,
    #"{"backup":{"connections":2.5}}"#,
    #"{"backup":{"tags":[" a"]}}"#,
    #"{"backup":{"tags":["-a"]}}"#,
    #"{"backup":{"lock-timeout":60}}"#,
    #"{"backup":{"lock-timeout":"60"}}"#,
    #"{"backup":{"lock-timeout":"5m1h"}}"#,
    #"{"backup":{"lock-timeout":"1.5h"}}"#,
    #"{"backup":{"lock-timeout":"-1h"}}"#,
    #"{"backup":{"lock-timeout":"1234567s"}}"#,
    #"{"backup":{"lock-timeout":""}}"#,
    #"{"backup":{"lock-timeout":"1h\n"}}"#,
    #"{"backup":{"lock-timeout":"٣h"}}"#,
    #"{"retention":{}}"#,
    #"{"retention":{"keep-last":0}}"#,
    #"{"retention":{"keep-daily":"7"}}"#,
    #"{"retention":{"keep-tags":["x",""]}}"#,
    #"{"drill":{"scratch":"yes"}}"#,
    #"{"drill":{"scratch":true}}"#,
    #"{"schedule":{"prune":{"cron":"@daily"}}}"#,
    #"{"schedule":{"check":{}}}"#,
    #"{"schedule":{"check":{"cron":"* * * *"}}}"#,
    #"{"schedule":{"check":{"cron":"* * * * * *"}}}"#,
    #"{"schedule":{"check":{"cron":"@daily","prune":true}}}"#,
    #"{"schedule":{"check":{"cron":["@daily"]}}}"#,
    #"{"time-zone":"Mars and Venus"}"#,
    #"{"log":{"format":"xml"}}"#,
    #"{"log":{"level":"INFO"}}"#,
    #"{"log":[]}"#,
  ]
}

@Suite struct `The JSON schema` {
  @Test func `is the file in Config`() throws {
    // To renew the file: lifeboat config schema > Config/lifeboat.schema.json
    let file = configFolder.appending(path: "lifeboat.schema.json")
    #expect(try String(contentsOf: file, encoding: .utf8) == ConfigurationSchema.json)
  }

  @Test(arguments: Verdict.all)
  func `gives the verdict that the parser gives`(verdict: Verdict) throws {
    let schema = try JSONDecoder().decode(JSONValue.self, from: Data(ConfigurationSchema.json.utf8))
    let document = try JSONDecoder().decode(
      JSONValue.self, from: Data(verdict.document.utf8))
    #expect(try SchemaChecker.accepts(document, schema) == verdict.isValid, "by the schema")
    var refusal: ConfigurationError?
    do {
      _ = try Configuration.parse(verdict.document)
    } catch {
      refusal = error
    }
    #expect((refusal == nil) == verdict.isValid, "by the parser: \(String(describing: refusal))")
  }
}
