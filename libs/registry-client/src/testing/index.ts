export { clientOf, failureOf, unlisted, type TestClientOptions } from './test-client.ts';
export { ScriptedRegistry, type ScriptedStep, type SeenRequest } from './scripted-registry.ts';
export { selfSignedCertificate } from './self-signed-certificate.ts';
