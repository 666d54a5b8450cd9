/** The description of the configuration alone, without the framework: what tools read. */
export { configurationPage } from './config/page.ts';
export { CONFIG_VARIABLES } from './config/variables.ts';
