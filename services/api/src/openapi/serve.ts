import { SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { openApiDocument } from './document.ts';

/** `/api/openapi.json`, and `/api/docs` for people; everything the page needs comes from here. */
export function openApi(app: NestExpressApplication): void {
  const document = openApiDocument() as unknown as OpenAPIObject;
  SwaggerModule.setup('api/docs', app, document, {
    jsonDocumentUrl: 'api/openapi.json',
    raw: ['json'],
    customSiteTitle: 'Docker Tag Monitor: API',
    swaggerOptions: { defaultModelsExpandDepth: 0 },
  });
}
