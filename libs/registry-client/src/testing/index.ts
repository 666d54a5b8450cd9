export { clientOf, failureOf, unlisted, type TestClientOptions } from './test-client.ts';
export { digestOf, headOf, pushedAtOf, type ScanOutcome, scanOf } from './scans.ts';
export { ScriptedRegistry, type ScriptedStep, type SeenRequest } from './scripted-registry.ts';
export { ScriptedScene, type SceneOptions } from './scripted-scene.ts';
export { selfSignedCertificate } from './self-signed-certificate.ts';
