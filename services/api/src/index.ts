export { ApiModule } from './api-module.ts';
export { configureHttp } from './http/configure.ts';
